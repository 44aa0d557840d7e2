// One head large: its weights as a heatmap, with what of it is shown and how weights become colours.
const { tokenscope } = window;
const { say } = tokenscope;
const picture = element.querySelector('.ts-picture');
const host = element.querySelector('.ts-figure');
const choices = {
  window: element.querySelector('.ts-window'), words: element.querySelector('.ts-words'), colour: element.querySelector('.ts-colour'),
};
const reset = element.querySelector('.ts-reset');
let payload = null;
let arrays = null;

// A square that keeps its size while the text grows, so that nothing jumps.
// The room for labels grows in few steps for the same reason.
function sizeOf(zoom) {
  const side = Math.max(260, Math.min(picture.clientWidth, 600));
  const longest = Math.max(...payload.figure.layout.xaxis.ticktext.map((text) => text.length));
  const labels = longest <= 5 ? 48 : longest <= 8 ? 70 : 94;
  const { xaxis, yaxis } = ticksFor(side - labels, zoom);
  return { width: side, height: side, margin: { l: labels, t: labels, r: 2, b: 2, pad: 2 }, xaxis, yaxis };
}

// Where cells are lower than the smallest readable letter, only some are named; hovering names every one.
const SMALLEST = 7.5;
const SPARSE = 16; // room for a name in an image: names are what takes longest to draw

function ticksFor(length, zoom) {
  const { tickvals, ticktext } = payload.figure.layout.xaxis;
  const ticks = (range) => {
    const shown = range ? Math.abs(range[1] - range[0]) : tickvals.length;
    const cell = length / shown;
    const every = Math.ceil((arrays.triangle && !range ? SPARSE : SMALLEST) / cell);
    const named = (_, index) => (tickvals.length - 1 - index) % every === 0; // always the newest
    return {
      tickvals: tickvals.filter(named),
      ticktext: ticktext.filter(named),
      tickfont: { size: Math.max(SMALLEST, Math.min(11, cell * every)) },
    };
  };
  return { xaxis: ticks(zoom?.x), yaxis: ticks(zoom?.y) };
}

const named = (unit) => `“${payload.labels[unit]}” (${arrays.last[unit]})`;

// An image's exact weights are the lower triangle that it was painted from.
function weightAt(x, y) {
  if (x > y) return NaN;
  if (arrays.triangle) return arrays.triangle[(y * (y + 1)) / 2 + x];
  return arrays.z[y * payload.labels.length + x];
}

function describe(y, x) {
  const weight = weightAt(x, y);
  const lines = [say('from {token}', { token: named(y) }), say('to {token}', { token: named(x) })];
  if (!Number.isNaN(weight)) lines.push(say('weight {weight}', { weight: weight.toFixed(6) }));
  else lines.push(x <= y && payload.hidden ? say('hidden, or out of its sight') : say('masked: it cannot look there'));
  if (arrays.sink[y] > 0) lines.push(say('sink {weight}', { weight: arrays.sink[y].toFixed(6) }));
  if (arrays.outside[y] > 0) lines.push(say('outside the window {share}', { share: tokenscope.percent(arrays.outside[y]) }));
  return lines;
}

function hover(point, event) {
  const [x, y] = [Math.round(point.x), Math.round(point.y)];
  if (x < 0 || y < 0 || x >= payload.labels.length || y >= payload.labels.length) return;
  tokenscope.showTip(event.clientX, event.clientY, describe(y, x));
}

const choose = (row) => tokenscope.act('cursor', { position: arrays.last[row] });

const walk = tokenscope.cellWalk(host, {
  size: () => ({ rows: payload.labels.length, columns: payload.labels.length }),
  describe,
  place(row, column) {
    const box = host.getBoundingClientRect();
    const { xaxis, yaxis } = host._fullLayout;
    return [box.left + xaxis._offset + xaxis.l2p(column), box.top + yaxis._offset + yaxis.l2p(row)];
  },
  onPick: choose,
});

const figure = tokenscope.figure(host, {
  sizeOf,
  onPick: (point) => choose(Math.round(point.y)),
  onHover: hover,
  onZoom: (zoom) => { reset.hidden = !zoom; },
});

// Says the outlined row's largest weight to those who do not see it, and stands there.
function tell() {
  const row = payload.cursor - payload.start;
  const key = [...Array(row + 1).keys()].reduce((best, unit) => (weightAt(unit, row) > (weightAt(best, row) || 0) ? unit : best), row);
  walk.stand(row, key);
  const facts = say('{name}, {count} rows, queries down, keys across; {query} looks most at {key}; arrow keys read the cells', {
    name: `L${payload.layer} H${payload.head}`, count: payload.labels.length, query: named(row), key: named(key),
  });
  host.setAttribute('aria-label', `${say('attention weights')}: ${facts}`);
}

function drawHidden() {
  const note = element.querySelector('.ts-hidden-note');
  note.hidden = !payload.hidden;
  if (!payload.hidden) return;
  const shares = { row: tokenscope.percent(payload.hidden.row), mean: tokenscope.percent(payload.hidden.mean) };
  note.textContent = payload.hide === 'first'
    ? say('The first token is hidden: {row} of the outlined row, {mean} of a row drawn here on average. ' +
      'What is left is scaled up to 1.', shares)
    : say('Special tokens are hidden: {row} of the outlined row, {mean} of a row drawn here on average. ' +
      'What is left is scaled up to 1.', shares);
}

function drawScale() {
  if (payload) tokenscope.legend(element, payload.colour);
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  const missing = element.querySelector('.ts-unavailable');
  missing.hidden = !payload.unavailable;
  missing.textContent = payload.unavailable || '';
  host.hidden = Boolean(payload.unavailable);
  choices.window.value = payload.window;
  choices.words.checked = payload.words;
  choices.colour.value = payload.colour;
  element.querySelector('.ts-shown').textContent = payload.shown;
  drawScale();
  if (payload.unavailable) return;
  const { z, meta } = payload.figure.data[0];
  const packed = { last: payload.last, outside: payload.outside, sink: payload.sink, z, triangle: meta.triangle };
  arrays = Object.fromEntries(Object.entries(packed).map(([name, value]) => [name, value && tokenscope.decode(value)]));
  element.querySelector('.ts-masked-name').textContent = payload.hidden ? say('masked or hidden') : say('masked');
  drawHidden();
  host.dataset.layer = payload.layer;
  host.dataset.head = payload.head;
  tell();
  figure.draw(payload.figure, payload.revision);
}

choices.window.addEventListener('change', () => tokenscope.act('window', { window: Number(choices.window.value) }));
choices.words.addEventListener('change', () => tokenscope.act('words', { words: choices.words.checked }));
choices.colour.addEventListener('change', () => tokenscope.act('colour', { colour: choices.colour.value }));
reset.addEventListener('click', () => figure.showAll());
tokenscope.onTheme(drawScale);
watch('value', draw);
draw();
