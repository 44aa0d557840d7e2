// Heads side by side: a card a pinned map, the difference of two, the nearest heads and the map of all.
const { tokenscope } = window;
const { make, say, sayMany } = tokenscope;
const cards = element.querySelector('.ts-cards');
const set = element.querySelector('.ts-set');
const [method, scope] = set.querySelectorAll('select');
const two = element.querySelector('.ts-versus');
const distances = element.querySelector('.ts-distances');
const near = element.querySelector('.ts-near-list');
const colourBy = element.querySelector('.ts-colour-by');
const map = tokenscope.headMap(element.querySelector('.ts-map'), element.querySelector('.ts-map-key'));
const drawn = []; // the cards' parts, reused from answer to answer
let payload = null;

const named = (labels, start, index) => `“${labels[index]}” (${start + index})`;
const weightText = (value) => (Number.isNaN(value) ? say('masked: it cannot look there') : say('weight {weight}', { weight: value.toFixed(6) }));

// --- cards -----------------------------------------------------------------------------------------------------------
// contentOf() gives what the card shows when it is asked; index is its place among the pins, null for the selected head.
function makeCard(parent, index, contentOf) {
  const card = make('article', 'ts-card', parent);
  const head = make('div', 'ts-card-head', card);
  const title = make('button', 'ts-card-title', head);
  const remove = make('button', 'ts-card-remove', head);
  remove.textContent = '×';
  remove.hidden = index === null;
  const about = make('div', 'ts-card-about', card);
  const when = make('div', 'ts-card-about ts-when', card);
  const grid = make('div', 'ts-grid', card);
  const canvas = make('canvas', '', grid);
  const mark = make('span', 'ts-row-mark', grid);
  const note = make('div', 'ts-card-about ts-note-line', card);
  title.addEventListener('click', () => {
    const found = contentOf().head;
    if (found) tokenscope.act('open_head', { layer: found[0], head: found[1] });
  });
  remove.addEventListener('click', () => tokenscope.act('unpin', { index }));
  const picture = tokenscope.cells(canvas, {
    walks: true,
    describe({ row, column, value }) {
      const { name, labels, start } = contentOf();
      const [query, key] = [named(labels, start, row), named(labels, start, column)];
      return [name, say('from {token}', { token: query }), say('to {token}', { token: key }), weightText(value)];
    },
    onPick({ row }) {
      const { start, now } = contentOf();
      if (now ?? true) tokenscope.act('cursor', { position: start + row });
    },
  });
  return { card, title, remove, about, when, grid, canvas, mark, note, picture };
}

/** The cursor's row of a map, null where it is not in it. */
function rowOf({ cursor, start, labels }) {
  return cursor >= start && cursor < start + labels.length ? cursor - start : null;
}

function placeMark(mark, row, rows) {
  mark.hidden = row < 0 || row >= rows;
  mark.style.top = `${(100 * row) / rows}%`;
  mark.style.height = `${100 / rows}%`;
}

function drawCard(parts, content) {
  parts.title.textContent = content.name;
  parts.title.title = content.head ? say('open this head large') : '';
  parts.title.disabled = !content.head;
  parts.remove.setAttribute('aria-label', say('unpin {name}', { name: content.name }));
  parts.about.textContent = content.about;
  parts.when.textContent = content.when;
  parts.when.title = content.when;
  parts.note.textContent = content.problem || hiddenText(content.hidden);
  parts.note.classList.toggle('ts-hidden-note', !content.problem && parts.note.textContent !== '');
  parts.grid.hidden = Boolean(content.problem);
  if (content.problem) return;
  const rows = content.labels.length;
  parts.picture.draw({
    values: tokenscope.decode(content.weights), rows, columns: rows, low: 0, high: 1, scale: 'sequential',
    ease: tokenscope.placeOf(payload.colour), about: `${content.name}: ${say('queries down, keys across')}`, row: rowOf(content),
  });
  placeMark(parts.mark, content.cursor - content.start, rows);
}

function hiddenText(share) {
  return share === null || share === undefined ? '' : say('hidden: {share} of its attention', { share: tokenscope.percent(share) });
}

let chosenCard = null;

function drawChosen() {
  chosenCard ||= makeCard(element.querySelector('.ts-chosen-card'), null, () => payload.chosen);
  drawCard(chosenCard, payload.chosen);
}

function drawCards() {
  while (drawn.length > payload.cards.length) drawn.pop().card.remove();
  payload.cards.forEach((content, index) => {
    drawn[index] ||= makeCard(cards, index, () => payload.cards[index]);
    drawCard(drawn[index], content);
  });
  element.querySelector('.ts-empty').hidden = payload.cards.length > 0;
  tokenscope.legend(element.querySelector('.ts-cards-scale'), payload.colour);
  element.querySelector('.ts-cards-scale .ts-shown').textContent = payload.shown;
}

// --- two -------------------------------------------------------------------------------------------------------------
const difference = tokenscope.cells(element.querySelector('.ts-difference canvas'), {
  walks: true,
  describe({ row, column, value }) {
    const { labels, other_labels: others, start, names } = payload.two;
    const also = (at) => (others[at] === labels[at] ? '' : ` / “${others[at]}”`);
    return [
      `${names[0]} − ${names[1]}`,
      say('from {token}', { token: named(labels, start, row) + also(row) }),
      say('to {token}', { token: named(labels, start, column) + also(column) }),
      Number.isNaN(value) ? say('masked in both') : say('difference {value}', { value: value.toFixed(6) }),
    ];
  },
  onPick: ({ row }) => tokenscope.act('cursor', { position: payload.two.start + row }),
});

function drawTwo() {
  two.hidden = payload.cards.length === 0;
  if (two.hidden) return;
  const why = element.querySelector('.ts-versus-why');
  const found = payload.two;
  why.hidden = Boolean(found);
  why.textContent = payload.why;
  element.querySelector('.ts-versus-body').hidden = !found;
  element.querySelector('.ts-versus-title').textContent = found
    ? say('Difference: {one} − {other}', { one: found.names[0], other: found.names[1] }) : say('Difference');
  if (!found) return;
  const rows = found.labels.length;
  difference.draw({
    values: tokenscope.decode(found.difference), rows, columns: rows, low: -found.top, high: found.top, scale: 'diverging',
    about: `${say('difference of the weights')}: ${say('queries down, keys across')}`,
  });
  placeMark(element.querySelector('.ts-difference .ts-row-mark'), found.cursor - found.start, rows);
  two.querySelector('.ts-low').textContent = say('weight −{weight}', { weight: found.top.toFixed(2) });
  two.querySelector('.ts-high').textContent = `+${found.top.toFixed(2)}`;
  element.querySelector('.ts-mean').textContent =
    found.mean === null ? say('no query to compare') : say('Mean distance {distance}', { distance: found.mean.toFixed(3) });
  drawDistances(found, tokenscope.decode(found.distance));
}

function drawDistances(found, values) {
  while (distances.children.length > values.length) distances.lastElementChild.remove();
  while (distances.children.length < values.length) {
    make('span', '', make('button', 'ts-distance', distances));
  }
  values.forEach((value, index) => {
    const bar = distances.children[index];
    bar.dataset.position = found.start + index;
    bar.firstChild.style.height = `${Number.isNaN(value) ? 0 : 100 * value}%`;
    bar.classList.toggle('ts-at-cursor', found.start + index === found.cursor);
    const token = named(found.labels, found.start, index);
    bar.title = Number.isNaN(value) ? say('{token}: nothing to compare', { token }) : `${token}: ${value.toFixed(3)}`;
    bar.setAttribute('aria-label', bar.title);
  });
}

distances.addEventListener('click', (event) => {
  const bar = event.target.closest('button');
  if (bar) tokenscope.act('cursor', { position: Number(bar.dataset.position) });
});

// --- likeness --------------------------------------------------------------------------------------------------------
function drawNear() {
  const [layer, head] = payload.selected;
  element.querySelector('.ts-near-title').textContent = say('Most like {head}', { head: `L${layer} H${head}` });
  near.replaceChildren(...payload.alike.nearest.map(([nearLayer, nearHead, distance, group]) => {
    const row = document.createElement('button');
    row.type = 'button';
    row.className = 'ts-near-row';
    row.dataset.layer = nearLayer;
    row.dataset.head = nearHead;
    const name = make('span', 'ts-near-name', row);
    const track = make('span', 'ts-track', row);
    const number = make('span', 'ts-number', row);
    name.textContent = `L${nearLayer} H${nearHead}`;
    make('span', 'ts-near-group', row).textContent = say('kv {group}', { group });
    make('span', 'ts-final', track).style.width = `${100 * distance}%`;
    number.textContent = distance.toFixed(3);
    row.setAttribute('aria-label', say('open {head}, distance {distance}', { head: name.textContent, distance: distance.toFixed(3) }));
    return row;
  }));
}

near.addEventListener('click', (event) => {
  const row = event.target.closest('button');
  if (row) tokenscope.act('head', { layer: Number(row.dataset.layer), head: Number(row.dataset.head) });
});

function drawMap() {
  const { alike, selected, cards: pinned } = payload;
  map.draw(alike, colourBy.value, selected, pinned.map((card) => card.head).filter(Boolean));
  element.querySelector('.ts-map-facts').textContent = mapFacts(alike);
}

function mapFacts({ hides, queries, explained }) {
  const values = { queries, share: tokenscope.percent(explained) };
  if (!hides) {
    return say('Mean Jensen-Shannon distance over {queries} queries, in two dimensions that show {share} of it. ' +
      'Left and up have no meaning.', values);
  }
  return sayMany(
    'Mean Jensen-Shannon distance over {queries} queries, {count} key hidden, in two dimensions that show {share} of it. ' +
    'Left and up have no meaning.',
    'Mean Jensen-Shannon distance over {queries} queries, {count} keys hidden, in two dimensions that show {share} of it. ' +
    'Left and up have no meaning.',
    hides, values,
  );
}

// --- all -------------------------------------------------------------------------------------------------------------
function drawBar() {
  const [layer, head] = payload.selected;
  const button = (name) => element.querySelector(`[data-does="${name}"]`);
  const name = `L${layer} H${head}`;
  button('pin').textContent = say('Pin {head}', { head: name });
  button('keep').textContent = say('Pin {head} at this moment', { head: name });
  button('pin').disabled = button('keep').disabled = button('combine').disabled = payload.cards.length >= payload.most;
  button('clear').hidden = payload.cards.length === 0;
  scope.querySelector('[value="layer"]').textContent = say('layer {layer}', { layer });
  const some = payload.cards.some((card) => card.head);
  scope.querySelector('[value="pinned"]').disabled = !some;
  if (!some && scope.value === 'pinned') scope.value = 'layer';
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  const missing = element.querySelector('.ts-unavailable');
  missing.hidden = !payload.unavailable;
  missing.textContent = payload.unavailable || '';
  element.querySelector('.ts-alike').hidden = !payload.alike;
  element.querySelector('.ts-ask-alike').hidden = !payload.ask;
  drawBar();
  drawCards();
  drawTwo();
  if (!payload.alike) return;
  drawChosen();
  drawNear();
  drawMap();
}

element.querySelector('.ts-compare-bar').addEventListener('click', (event) => {
  const does = event.target.closest('button')?.dataset.does;
  if (does === 'pin') tokenscope.act('pin', { method: 'head', scope: 'head', keep: false });
  else if (does === 'keep') tokenscope.act('pin', { method: 'head', scope: 'head', keep: true });
  else if (does === 'combine') tokenscope.act('pin', { method: method.value, scope: scope.value, keep: false });
  else if (does === 'clear') tokenscope.act('unpin', {});
});
element.querySelector('[data-does="liken"]').addEventListener('click', () => tokenscope.act('liken'));
colourBy.addEventListener('change', drawMap);

tokenscope.weave(set, say('{pin} {method} of {heads}'), { pin: set.querySelector('button'), method, heads: scope });

function drawScales() {
  for (const ramp of element.querySelectorAll('.ts-ramp')) {
    const scale = ramp.classList.contains('ts-diverging') ? 'diverging' : 'sequential';
    ramp.style.backgroundImage = tokenscope.gradient(scale);
  }
  for (const { picture } of chosenCard ? [chosenCard, ...drawn] : drawn) picture.repaint();
  difference.repaint();
  if (payload?.alike) drawMap();
}
tokenscope.onTheme(drawScales);
drawScales();
watch('value', draw);
draw();
