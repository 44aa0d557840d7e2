// The logit lens: the grid of all rows and tokens, the selected cell in full, and tokens followed through the rows.
const { tokenscope } = window;
const { make, say, sayMany } = tokenscope;
const find = (selector) => element.querySelector(selector);
const choices = { colour: find('.ts-colour'), middle: find('.ts-midpoints'), window: find('.ts-window'), reading: find('.ts-reading') };
const rows = find('.ts-lens-rows');
const list = find('.ts-follow-list');
const form = find('.ts-follow-form');
const ARRAYS = ['ids', 'probability', 'target_ids', 'target_rank', 'target_probability', 'entropy', 'divergence', 'first_lead', 'settled'];
let payload = null;
let arrays = null;

const grid = tokenscope.lensGrid(find('.ts-lens-grid'), {
  onPick: (reading, position) => tokenscope.act('reading', { reading, position }),
});
const charts = Object.fromEntries([...element.querySelectorAll('.ts-curves')].map((host) => {
  const { name } = host.dataset;
  return [name, tokenscope.lensCurves(host, { name, onPick: (reading) => tokenscope.act('reading', { reading }) })];
}));

// How a number finds its place on the scale, and what stands at the scale's ends and in its middle.
function scaleOf() {
  const nats = Math.log(payload.vocabulary);
  const number = (value) => String(Number(value.toFixed(2)));
  return {
    probability: { values: arrays.probability, place: (share) => share, legend: [say('probability 0'), '0.5', '1'] },
    rank: {
      values: arrays.target_rank,
      place: (rank) => 1 - Math.log(rank + 1) / nats,
      legend: [say('rank {rank}', { rank: tokenscope.whole(payload.vocabulary) }), tokenscope.whole(Math.sqrt(payload.vocabulary)), '1'],
    },
    entropy: {
      values: arrays.entropy,
      place: (value) => value / nats,
      legend: [say('{number} nats', { number: 0 }), number(nats / 2), say('{number} nats', { number: number(nats) })],
    },
    // The first rows are tens of nats away: a logarithm shows the small steps near the output as well.
    divergence: {
      values: arrays.divergence,
      place: (value) => Math.log1p(value) / Math.log1p(payload.most),
      legend: [
        say('0 nats, as the output'), Math.expm1(Math.log1p(payload.most) / 2).toPrecision(2),
        say('{number} nats', { number: number(payload.most) }),
      ],
    },
  }[payload.colour];
}

function drawLegend() {
  const [low, middle, high] = scaleOf().legend;
  find('.ts-low').textContent = low;
  find('.ts-middle').textContent = middle;
  find('.ts-high').textContent = high;
  find('.ts-ramp').style.backgroundImage = tokenscope.gradient('sequential');
}

// --- the selected cell -------------------------------------------------------------------------------------------------

function makeRow(name) {
  const row = document.createElement(name);
  row.className = 'ts-lens-row';
  make('span', 'ts-sample', row);
  make('code', 'ts-label', row);
  for (const kind of ['ts-final', 'ts-raw']) {
    make('span', kind, make('span', 'ts-track', row));
    make('span', 'ts-number', row);
  }
  if (name === 'button') row.type = 'button';
  return row;
}

function fill(row, label, shares) {
  row.children[1].textContent = row.children[1].title = label;
  shares.forEach((share, index) => {
    row.children[2 + 2 * index].firstChild.style.width = `${100 * share}%`;
    row.children[3 + 2 * index].textContent = tokenscope.percent(share);
  });
}

function drawCell() {
  const { cell } = payload;
  const [probability, final, rank, finalRank] = ['probability', 'final', 'rank', 'final_rank'].map((name) => tokenscope.decode(cell[name]));
  find('.ts-cell-title').textContent = say('after “{token}” ({position})', { token: cell.label, position: cell.position });
  find('.ts-lens-cell .ts-facts-line').textContent = say(
    'entropy {entropy} nats, the output\'s {final} · divergence from the output {divergence} nats',
    { entropy: cell.entropy.toFixed(2), final: cell.final_entropy.toFixed(2), divergence: cell.divergence.toFixed(2) },
  );
  if (!rows.lastElementChild) rows.append(makeRow('div'));
  while (rows.children.length <= cell.ids.length) rows.lastElementChild.before(makeRow('button'));
  while (rows.children.length > cell.ids.length + 1) rows.firstElementChild.remove();
  cell.ids.forEach((id, index) => {
    const row = rows.children[index];
    const label = cell.labels[index];
    fill(row, label, [probability[index], final[index]]);
    const curve = payload.curves.ids.indexOf(id);
    const ranks = say('rank {here} here, {final} in the output', {
      here: tokenscope.whole(rank[index] + 1), final: tokenscope.whole(finalRank[index] + 1),
    });
    row.dataset.tokenId = id;
    row.title = ranks;
    row.firstElementChild.replaceChildren(...(curve < 0 ? [] : [charts.rank.sample(curve)]));
    row.setAttribute('aria-pressed', String(payload.follow.includes(id)));
    row.setAttribute('aria-label', say('follow {token}, {here} here, {final} in the output, {ranks}', {
      token: label, here: tokenscope.percent(probability[index]), final: tokenscope.percent(final[index]), ranks,
    }));
  });
  const other = rows.lastElementChild;
  other.classList.add('ts-other');
  other.hidden = cell.other.count === 0;
  fill(other, sayMany('{count} other', '{count} others', cell.other.count), [cell.other.probability, cell.other.final]);
}

function drawReadings() {
  const names = payload.rows.join('\n');
  if (choices.reading.dataset.names !== names) {
    choices.reading.replaceChildren(...payload.rows.map((name, row) => new Option(name, payload.readings[row])).reverse());
    choices.reading.dataset.names = names;
  }
  choices.reading.value = payload.reading;
}

// --- followed tokens ---------------------------------------------------------------------------------------------------
function drawFollowed() {
  const { curves } = payload;
  const { label: token, position } = payload.cell;
  find('.ts-follow-title').textContent = say('after “{token}” ({position})', { token, position });
  const label = curves.labels[curves.ids.indexOf(curves.final)];
  const [first, settled] = [curves.first_lead, curves.settled].map((reading) => `“${payload.rows[payload.readings.indexOf(reading)]}”`);
  find('.ts-lens-follow .ts-facts-line').textContent = first === settled
    ? say('The final choice “{token}” leads from {settled} on.', { token: label, settled })
    : say('The final choice “{token}” first leads in {first}, and stays first from {settled} on.', { token: label, first, settled });
  list.replaceChildren(...curves.ids.map((id, index) => {
    const chosen = payload.follow.includes(id);
    const chip = document.createElement(chosen ? 'button' : 'span');
    chip.className = chosen ? 'ts-chip ts-followed' : 'ts-followed';
    chip.append(charts.rank.sample(index));
    make('code', '', chip).textContent = curves.labels[index];
    if (id === curves.final) make('span', 'ts-note', chip).textContent = say('final choice');
    if (!chosen) return chip;
    Object.assign(chip, { type: 'button', title: say('follow it no more') });
    chip.dataset.tokenId = id;
    chip.setAttribute('aria-label', say('follow {token} no more', { token: curves.labels[index] }));
    make('span', 'ts-remove', chip).textContent = '×';
    return chip;
  }));
  find('.ts-clear').hidden = payload.follow.length < 2;
  for (const [name, chart] of Object.entries(charts)) {
    const values = tokenscope.decode(curves[name]);
    const size = curves.readings.length;
    chart.draw({
      readings: curves.readings,
      rows: payload.rows,
      labels: curves.labels,
      lines: curves.ids.map((_, index) => values.subarray(index * size, (index + 1) * size)),
      selected: payload.reading,
      vocabulary: curves.vocabulary,
    });
  }
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  const missing = find('.ts-unavailable');
  missing.hidden = !payload.unavailable;
  missing.textContent = payload.unavailable || '';
  find('.ts-lens-all').hidden = Boolean(payload.unavailable);
  choices.colour.value = payload.colour;
  choices.window.value = payload.window;
  find('.ts-shown').textContent = payload.shown;
  if (payload.unavailable) return;
  choices.middle.checked = payload.middle && payload.has_middle;
  choices.middle.disabled = !payload.has_middle;
  choices.middle.parentElement.title = payload.has_middle ? '' : say('this model has no point between attention and MLP that could be read');
  arrays = Object.fromEntries(ARRAYS.map((name) => [name, tokenscope.decode(payload[name])]));
  drawLegend();
  drawReadings();
  grid.draw(payload, arrays, scaleOf());
  drawFollowed();
  drawCell();
}

choices.colour.addEventListener('change', () => tokenscope.act('lens_colour', { colour: choices.colour.value }));
choices.middle.addEventListener('change', () => tokenscope.act('middle', { middle: choices.middle.checked }));
choices.window.addEventListener('change', () => tokenscope.act('window', { window: Number(choices.window.value) }));
choices.reading.addEventListener('change', () => tokenscope.act('reading', { reading: Number(choices.reading.value) }));

function follow(event) {
  const chosen = event.target.closest('button[data-token-id]');
  if (chosen) tokenscope.act('follow', { token: Number(chosen.dataset.tokenId) });
}
rows.addEventListener('click', follow);
list.addEventListener('click', follow);
find('.ts-clear').addEventListener('click', () => tokenscope.act('clear_follow'));
// Which of the typed text's tokens is followed.
const follows = tokenscope.beside(find('.ts-follow-said'), 'notice');
form.addEventListener('submit', (event) => {
  event.preventDefault();
  follows('follow', { text: form.elements[0].value });
  form.elements[0].select(); // the next one is typed over it
});
tokenscope.onTheme(() => { if (arrays) draw(); });
watch('value', draw);
draw();
