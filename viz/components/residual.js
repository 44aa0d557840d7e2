// The residual stream: lengths and turns of all vectors, the way of the tokens on a map, likeness, one vector in full.
const { tokenscope } = window;
const { say, later } = tokenscope;
const at = (name) => element.querySelector(name);
const MOTION = 800; // milliseconds that each stream stays while the map plays
const CELLS = { columns: 64, largest: 12 }; // of the vector's strip: dimensions in a row, and the widest cell
let payload = null;
let arrays = null;
let shown = 'norm'; // which grid
let pairs = 'raw';
let moving = null; // the timer while the map plays
let mapStream = 0;

const short = (value) => String(Number(value.toPrecision(3))).replace('-', '−');
const signed = (value, digits) => value.toFixed(digits).replace('-', '−');
const named = (position) => `“${payload.labels[position - payload.start]}” (${position})`;
const title = () => say('{token} in stream {stream}', { token: named(payload.cursor), stream: payload.rows[payload.stream] });

// What each grid shows. Rows are streams, or blocks, whose result is the stream after them.
const GRIDS = {
  norm: { blocks: false, log: true, of: later('length of the vector, logarithmic'), says: (value) => say('length {length}', { length: short(value) }) },
  turn: {
    blocks: true,
    of: later('cosine between the stream before and after the block'),
    says: (value) => say('cosine {cosine}: turned by {angle}°', {
      cosine: signed(value, 3), angle: ((Math.acos(Math.min(1, value)) * 180) / Math.PI).toFixed(0),
    }),
  },
  attention: {
    blocks: true,
    log: true,
    of: later('length of what attention added, logarithmic'),
    says: (value) => say('attention added a vector of length {length}', { length: short(value) }),
  },
  mlp: {
    blocks: true,
    log: true,
    of: later('length of what the MLP added, logarithmic'),
    says: (value) => say('the MLP added a vector of length {length}', { length: short(value) }),
  },
};

const select = (stream, position) => tokenscope.act('reading', { reading: 2 * stream, position });

// --- every vector ------------------------------------------------------------------------------------------------------
const table = tokenscope.tokenGrid(at('.ts-table-grid'), {
  limits: { widest: 48, narrowest: 13, highest: 24, height: 440 },
  onPick: (row, column) => select(GRIDS[shown].blocks ? row + 1 : row, payload.start + column),
  describe(row, column) {
    const value = arrays[shown][row * payload.labels.length + column];
    const token = named(payload.start + column);
    return [
      GRIDS[shown].blocks ? say('{token}, block {block}', { token, block: row }) : say('{token}, stream {stream}', { token, stream: payload.rows[row] }),
      Number.isNaN(value) ? say('cannot be told apart here') : GRIDS[shown].says(value),
    ];
  },
});

function rangeOf(values) {
  const known = values.filter((value) => Number.isFinite(value) && (shown === 'turn' || value > 0));
  return known.length ? [Math.min(...known), Math.max(...known)] : null;
}

function drawTable() {
  const grid = GRIDS[shown];
  const values = arrays[shown];
  const range = rangeOf(values);
  const [low, high] = range || [0, 1];
  // Not turned is pale; the deepest is what turns most.
  const place = grid.log
    ? (value) => Math.log(Math.max(value, low) / low) / Math.max(1e-6, Math.log(high / low))
    : (value) => (1 - value) / Math.max(1e-6, 1 - low);
  table.draw({
    values,
    rows: values.length / payload.labels.length,
    columns: payload.labels.length,
    scale: 'sequential',
    place,
    rowNames: grid.blocks ? payload.rows.slice(1).map((_, block) => say('block {block}', { block })) : payload.rows,
    columnNames: payload.labels,
    upwards: true,
    selected: { row: grid.blocks ? payload.stream - 1 : payload.stream, column: payload.cursor - payload.start },
  });
  for (const chip of element.querySelectorAll('[data-grid]')) chip.setAttribute('aria-pressed', String(chip.dataset.grid === shown));
  const ends = grid.log ? [short(low), short(high)] : [say('1, not turned'), short(low)];
  at('.ts-table-scale .ts-low').textContent = range ? ends[0] : '';
  at('.ts-table-scale .ts-high').textContent = range ? ends[1] : '';
  at('.ts-table-scale .ts-ramp').style.visibility = range ? '' : 'hidden';
  at('.ts-table-scale .ts-of').textContent = range
    ? say(grid.of) : say('What attention and MLP added cannot be told apart in this model: its blocks do not just add the two.');
}

// --- the map -----------------------------------------------------------------------------------------------------------
const map = tokenscope.streamMap(at('.ts-map-box'), { onPick: (position) => tokenscope.act('cursor', { position }) });

function sayStream() {
  at('.ts-slider').value = mapStream;
  at('.ts-slider').setAttribute('aria-valuetext', payload.rows[mapStream]);
  at('.ts-slider-says').textContent = say('stream {stream}', { stream: payload.rows[mapStream] });
}

function moveTo(stream) {
  mapStream = stream;
  sayStream();
  map.show(stream);
}

function halt() {
  clearInterval(moving);
  moving = null;
  at('.ts-play').textContent = say('play through the streams');
}

function play() {
  if (moving) {
    halt();
    select(mapStream, payload.cursor);
    return;
  }
  at('.ts-play').textContent = say('stop');
  if (mapStream === payload.streams - 1) moveTo(0);
  moving = setInterval(() => {
    moveTo(mapStream + 1);
    if (mapStream < payload.streams - 1) return;
    halt();
    select(mapStream, payload.cursor);
  }, MOTION);
}

function drawMap() {
  at('.ts-slider').max = payload.streams - 1;
  mapStream = payload.stream;
  sayStream();
  const { streams, labels, start, cursor, edges } = payload;
  map.draw({ points: arrays.points, streams, labels, start, cursor, edges }, mapStream);
  at('.ts-axes').textContent = payload.explained[0] > 0 ? aboutAxes()
    : say('Too few tokens for a map: it needs three vectors besides the first token’s. Take a step.');
}

function aboutAxes() {
  const [across, up] = payload.explained.map((share) => tokenscope.percent(share));
  return [
    say('Across: {across} of the variance of {count} vectors; up: {up}. Each vector is divided by its length.', {
      across, up, count: tokenscope.whole(payload.fitted),
    }),
    ...(payload.start === 0 ? [say('The ring is the first token, which the axes were found without.')] : []),
    say('The line is the way of the cursor’s token.'),
  ].join(' ');
}

// --- what is alike -----------------------------------------------------------------------------------------------------
const cosine = (value) => 0.5 + value / 2;
const told = (value) => (Number.isNaN(value) ? say('no direction: the vector is zero') : say('cosine {value}', { value: signed(value, 3) }));

const own = tokenscope.tokenGrid(at('.ts-own-grid'), {
  limits: { widest: 26, narrowest: 9, highest: 26, height: 360 },
  onPick: (row) => select(row, payload.cursor),
  describe: (row, column) => [
    say('{token}: stream {one} and stream {other}', { token: named(payload.cursor), one: row, other: column }),
    told(arrays.alike[row * payload.streams + column]),
  ],
});
const together = tokenscope.tokenGrid(at('.ts-pairs-grid'), {
  limits: { widest: 17, narrowest: 9, highest: 17, height: 560 },
  onPick: (row) => tokenscope.act('cursor', { position: payload.first + row }),
  describe: (row, column) => [
    say('{one} and {other}', { one: named(payload.first + row), other: named(payload.first + column) }),
    told(arrays[pairs][row * payload.count + column]),
  ],
});

function drawAlike() {
  const names = Array.from({ length: payload.streams }, (_, stream) => String(stream));
  own.draw({
    values: arrays.alike, rows: payload.streams, columns: payload.streams, scale: 'diverging', place: cosine, rowNames: names,
    columnNames: names, upwards: true, selected: { row: payload.stream, column: payload.stream },
  });
  at('.ts-own-title').textContent = say('{token} from stream to stream', { token: named(payload.cursor) });
  const from = payload.first - payload.start;
  const labels = payload.labels.slice(from, from + payload.count);
  const here = payload.cursor - payload.first;
  together.draw({
    values: arrays[pairs], rows: payload.count, columns: payload.count, scale: 'diverging', place: cosine, rowNames: labels,
    columnNames: labels, upwards: false, selected: { row: here, column: here },
  });
  at('.ts-pairs-title').textContent = say('Tokens with each other in stream {stream}', { stream: payload.stream });
  at('.ts-compared').textContent = say('tokens with each other: {shown}', { shown: payload.compared });
  for (const chip of element.querySelectorAll('[data-pairs]')) chip.setAttribute('aria-pressed', String(chip.dataset.pairs === pairs));
}

// --- the vector --------------------------------------------------------------------------------------------------------
const strip = tokenscope.cells(at('.ts-vector'), {
  walks: true,
  describe({ row, column }) {
    const index = row * CELLS.columns + column;
    return index < arrays.vector.length ? [say('dimension {index}', { index }), signed(arrays.vector[index], 4)] : [say('beyond the last dimension')];
  },
});

function drawVector() {
  const canvas = at('.ts-vector');
  const { length } = arrays.vector;
  const [columns, rows] = [Math.min(CELLS.columns, length), Math.ceil(length / CELLS.columns)];
  const values = new Float32Array(rows * columns).fill(NaN);
  values.set(arrays.vector);
  const top = Math.max(payload.top, 1e-9);
  const about = say('the {count} dimensions of the vector', { count: tokenscope.whole(length) });
  strip.draw({ values, rows, columns, low: -top, high: top, scale: 'diverging', about });
  const size = Math.max(3, Math.min(CELLS.largest, Math.floor(360 / rows)));
  canvas.style.width = `${columns * CELLS.largest}px`;
  canvas.style.height = `${rows * size}px`;
  at('.ts-vector-of').textContent = title();
  at('.ts-vector-low').textContent = `−${short(top)}`;
  at('.ts-vector-high').textContent = `+${short(top)}`;
  at('.ts-vector-facts').textContent = say('{count} dimensions, {columns} in a row; length {length}', { count: length, columns, length: short(payload.length) });
  at('.ts-largest-title').textContent = say('The {count} largest dimensions; together they make {share} of the squared length:', {
    count: payload.largest.length, share: tokenscope.percent(payload.share),
  });
  at('.ts-largest').replaceChildren(...payload.largest.map(([index, value]) => {
    const item = document.createElement('li');
    const [name, number] = ['ts-index', 'ts-number'].map((part) => {
      const node = document.createElement('span');
      node.className = part;
      item.append(node);
      return node;
    });
    name.textContent = index;
    number.textContent = signed(value, 3);
    return item;
  }));
}

function draw() {
  if (!props.value) return;
  halt();
  payload = props.value;
  at('.ts-unavailable').hidden = !payload.unavailable;
  at('.ts-unavailable').textContent = payload.unavailable || '';
  at('.ts-residual-body').hidden = Boolean(payload.unavailable);
  if (payload.unavailable) return;
  const { decode } = tokenscope;
  arrays = Object.fromEntries(['norm', 'turn', 'attention', 'mlp', 'points', 'alike', 'vector'].map((name) => [name, decode(payload[name])]));
  arrays.raw = decode(payload.pairs.raw);
  arrays.centred = decode(payload.pairs.centred);
  at('.ts-residual-title').textContent = title();
  at('.ts-stepper output').textContent = payload.stream;
  at('.ts-stepper [data-by="-1"]').disabled = payload.stream === 0;
  at('.ts-stepper [data-by="1"]').disabled = payload.stream === payload.streams - 1;
  at('.ts-residual-choice .ts-shown').textContent = payload.shown;
  at('.ts-outliers').textContent = payload.outliers;
  drawTable();
  drawMap();
  drawAlike();
  drawVector();
}

element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button || !payload) return;
  if (button.dataset.grid) {
    shown = button.dataset.grid;
    drawTable();
  } else if (button.dataset.pairs) {
    pairs = button.dataset.pairs;
    drawAlike();
  } else if (button.dataset.by) {
    const stream = Math.min(payload.streams - 1, Math.max(0, payload.stream + Number(button.dataset.by)));
    payload = { ...payload, stream }; // so that quick presses count on from each other; the answer confirms it
    select(stream, payload.cursor);
  } else if (button.matches('.ts-play')) play();
});
at('.ts-slider').addEventListener('input', (event) => {
  halt();
  moveTo(Number(event.target.value));
});
at('.ts-slider').addEventListener('change', (event) => select(Number(event.target.value), payload.cursor));

function drawScales() {
  at('.ts-table-scale .ts-ramp').style.backgroundImage = tokenscope.gradient('sequential');
  for (const ramp of element.querySelectorAll('.ts-cosine')) ramp.style.backgroundImage = tokenscope.gradient('diverging');
  strip.repaint();
}
tokenscope.onTheme(drawScales);
drawScales();
watch('value', draw);
draw();
