// One token's row of the embedding matrix: the nearest tokens by cosine, a map of them, and the row's numbers.
const { tokenscope } = window;
const { say, sayMany } = tokenscope;
const find = (selector) => element.querySelector(selector);
const form = find('.ts-entry-form');
const CELLS = { columns: 64, largest: 12 }; // of the row's strip: dimensions in a row, and the widest cell
let payload = null;
let vector = null;

const signed = (value, digits) => value.toFixed(digits).replace('-', '−');
const short = (value) => String(Number(value.toPrecision(3))).replace('-', '−');
const choose = (token) => tokenscope.act('entry', { token });

// --- the neighbours ----------------------------------------------------------------------------------------------------
function makeRow(host) {
  const row = document.createElement('button');
  row.type = 'button';
  row.className = 'ts-near-row';
  for (const [name, className] of [['code', 'ts-label'], ['span', 'ts-near-id'], ['span', 'ts-track'], ['span', 'ts-number']]) {
    const part = document.createElement(name);
    part.className = className;
    row.append(part);
  }
  row.children[2].append(document.createElement('span'), document.createElement('i'));
  host.append(row);
}

function drawList(host, usual, list) {
  const [cosine, norms] = [tokenscope.decode(list.cosine), tokenscope.decode(list.norms)];
  while (host.children.length > list.ids.length) host.lastElementChild.remove();
  while (host.children.length < list.ids.length) makeRow(host);
  list.ids.forEach((token, index) => {
    const row = host.children[index];
    const [label, id, track, number] = row.children;
    row.dataset.token = token;
    row.title = say('length {length}', { length: short(norms[index]) });
    const told = { token: list.labels[index], id: token, cosine: signed(cosine[index], 3) };
    row.setAttribute('aria-label', say('{token}, id {id}, cosine {cosine}', told));
    label.textContent = list.labels[index];
    id.textContent = token;
    number.textContent = signed(cosine[index], 3);
    track.firstChild.style.width = `${100 * Math.max(0, cosine[index])}%`;
    track.lastChild.hidden = list.mean === null || list.mean < 0;
    track.lastChild.style.left = `${100 * Math.max(0, list.mean ?? 0)}%`;
  });
  usual.textContent = list.mean === null ? say('There is no other token to compare with.')
    : say('With all tokens it is {mean} on average, give or take {deviation}.', {
      mean: signed(list.mean, 3), deviation: list.deviation.toFixed(3),
    });
}

// --- the map -----------------------------------------------------------------------------------------------------------
const map = tokenscope.streamMap(find('.ts-map-box'), {
  onPick: (position) => choose(payload.map.ids[position - 1]),
  about: `${say('the token and its neighbours on the map')}; ${say('up and down walk from one to the next, Enter shows its embedding')}`,
  describe: (position) => [`“${payload.map.labels[position - 1]}”`, say('id {id}', { id: payload.map.ids[position - 1] })],
});

function drawMap() {
  const { labels, points, edges, explained } = payload.map;
  // Marks count from 1: the first is the token itself, and there is no first token of a text here.
  map.draw({ points: tokenscope.decode(points), streams: 1, labels, start: 1, cursor: 1, edges }, 0);
  const [across, up] = explained.map((share) => tokenscope.percent(share));
  find('.ts-map-axes').textContent = explained[0] > 0
    ? say('Across: {across} of what differs among these {rows} rows; up: {up}. Each row is divided by its length.', { across, rows: labels.length, up })
    : '';
}

// --- the row -----------------------------------------------------------------------------------------------------------
const strip = tokenscope.cells(find('.ts-vector'), {
  walks: true,
  describe({ row, column }) {
    const index = row * CELLS.columns + column;
    return index < vector.length ? [say('dimension {index}', { index }), signed(vector[index], 4)] : [say('beyond the last dimension')];
  },
});

function drawVector() {
  const canvas = find('.ts-vector');
  const [columns, rows] = [Math.min(CELLS.columns, vector.length), Math.ceil(vector.length / CELLS.columns)];
  const values = new Float32Array(rows * columns).fill(NaN);
  values.set(vector);
  const top = Math.max(payload.top, 1e-9);
  const about = sayMany('the {count} number of the row', 'the {count} numbers of the row', vector.length);
  strip.draw({ values, rows, columns, low: -top, high: top, scale: 'diverging', about });
  canvas.style.width = `${columns * CELLS.largest}px`;
  canvas.style.height = `${rows * Math.max(3, Math.min(CELLS.largest, Math.floor(360 / rows)))}px`;
  find('.ts-vector-low').textContent = `−${short(top)}`;
  find('.ts-vector-high').textContent = `+${short(top)}`;
  find('.ts-row-facts').textContent = sayMany('{count} number, {columns} in a row', '{count} numbers, {columns} in a row', vector.length, { columns });
  find('.ts-largest-title').textContent = say('The {count} largest; together they make {share} of the squared length:', {
    count: payload.largest.length, share: tokenscope.percent(payload.share),
  });
  find('.ts-largest').replaceChildren(...payload.largest.map(([index, value]) => {
    const item = document.createElement('li');
    for (const [name, text] of [['ts-index', index], ['ts-number', signed(value, 3)]]) {
      const part = document.createElement('span');
      part.className = name;
      part.textContent = text;
      item.append(part);
    }
    return item;
  }));
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  const [position, label] = payload.cursor;
  find('.ts-embeddings-title').textContent = say('“{token}”, id {id}', { token: payload.label, id: payload.token });
  find('.ts-at-cursor').textContent = say('“{token}” ({position}), at the cursor', { token: label, position });
  find('.ts-at-cursor').setAttribute('aria-pressed', String(payload.chosen === null));
  find('.ts-unavailable').hidden = !payload.unavailable;
  find('.ts-unavailable').textContent = payload.unavailable || '';
  find('.ts-embeddings-body').hidden = Boolean(payload.unavailable);
  if (payload.unavailable) return;
  vector = tokenscope.decode(payload.vector);
  const length = say('Length {length}, longer than {share} of the vocabulary’s rows.', {
    length: short(payload.length), share: tokenscope.percent(payload.shorter),
  });
  find('.ts-entry-facts').textContent = `${length} ${payload.tied}`;
  const [near, usual] = ['.ts-near', '.ts-near-usual'].map((name) => element.querySelectorAll(name));
  payload.lists.forEach((list, index) => drawList(near[index], usual[index], list));
  drawMap();
  drawVector();
}

element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button?.matches('.ts-at-cursor')) choose(null);
  else if (button?.dataset.token) choose(Number(button.dataset.token));
});
// Which of the typed text's tokens is shown.
const askEntry = tokenscope.beside(find('.ts-entry-said'), 'notice');
form.addEventListener('submit', (event) => {
  event.preventDefault();
  askEntry('entry', { text: form.elements[0].value });
});

function drawScales() {
  find('.ts-signed').style.backgroundImage = tokenscope.gradient('diverging');
  strip.repaint();
}
tokenscope.onTheme(drawScales);
drawScales();
watch('value', draw);
draw();
