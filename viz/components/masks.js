// Cheaper attention: masks on the present text, drawings of shared heads, kernels timed.
const { tokenscope } = window;
const { say, later } = tokenscope;
const at = (name) => element.querySelector(name);
const wrong = at('.ts-masks-wrong');
const reach = at('.ts-mask-reach');
const [FAR, NEAR] = [0.34, 0.72]; // places on the scale
const TITLES = { full: later('Full'), sliding: later('Sliding window'), strided: later('Strided') };
const pictures = []; // the masks' boxes, each with its grid
let payload = null;
let result = null;

const named = (position) => `“${payload.labels[position - payload.start]}” (${position})`;

const cell = (name, text, className = '') => tokenscope.make(name, className, null, text);

// --- masks -----------------------------------------------------------------------------------------------------------------
// What a query sees of a key: near, far (by the stride) or not at all (NaN).
const SEES = {
  full: () => NEAR,
  sliding: (behind, size) => (behind < size ? NEAR : NaN),
  strided: (behind, size) => (behind < size ? NEAR : behind % size === 0 ? FAR : NaN),
};

// The masks to draw: the three kinds, then the model's own where it is none of them.
function listed() {
  const size = Number(reach.value);
  const chosen = payload.choices.filter((one) => one.reach === 0 || one.reach === size);
  const own = payload.own.map((mask) => ({ ...mask, starts: tokenscope.decode(mask.starts) }));
  const masks = chosen.map((one) => ({
    ...one,
    title: say(TITLES[one.name]),
    layers: one.name === 'full' ? own.filter((mask) => mask.full).map((mask) => mask.layers).join(', ') : '',
    sees: (query, key) => SEES[one.name](query - key, size),
  }));
  const others = own.filter((mask) => !mask.full).map((mask) => ({
    ...mask, title: say('The model’s own'), sees: (query, key) => (key >= mask.starts[query - payload.start] ? NEAR : NaN),
  }));
  return [...masks, ...others];
}

function makePicture() {
  const box = cell('div', '', 'ts-mask');
  const title = cell('p', '', 'ts-mask-title');
  const host = cell('div', '');
  const count = cell('p', '', 'ts-mask-count');
  box.append(title, host, count);
  at('.ts-mask-pictures').append(box);
  const picture = { box, title, host, count, mask: null };
  picture.grid = tokenscope.tokenGrid(host, {
    limits: { widest: 18, narrowest: 5, highest: 18, height: 240, characters: 9 },
    onPick: (row) => tokenscope.act('cursor', { position: payload.start + row }),
    describe(row, column) {
      const [query, key] = [payload.start + row, payload.start + column];
      const computed = Number.isNaN(picture.mask.sees(query, key)) ? say('not computed') : say('computed');
      const state = key > query ? say('later: hidden from every mask') : computed;
      return [say('{query} looks at {key}', { query: named(query), key: named(key) }), state];
    },
  });
  return picture;
}

function drawMask(picture, mask) {
  const { labels, start, cursor } = payload;
  const count = labels.length;
  const values = new Float32Array(count * count).fill(NaN);
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column <= row; column += 1) values[row * count + column] = mask.sees(start + row, start + column);
  }
  Object.assign(picture, { mask });
  picture.title.replaceChildren(cell('b', mask.title), mask.layers ? cell('span', say('this model: {layers}', { layers: mask.layers }), 'ts-mask-own') : '');
  const about = say('{scores} scores; tokens that look, and what they may look at; arrow keys choose', { scores: tokenscope.whole(mask.scores) });
  picture.host.setAttribute('aria-label', `${mask.title}: ${about}`);
  picture.host.dataset.cells = values.reduce((sum, value) => sum + !Number.isNaN(value), 0);
  picture.count.textContent = say('{scores} scores, {share}', { scores: tokenscope.whole(mask.scores), share: tokenscope.percent(mask.share) });
  picture.grid.draw({
    values, rows: count, columns: count, scale: 'sequential', place: (value) => value, rowNames: labels, columnNames: labels, upwards: false,
    selected: { row: cursor - start, column: -1 },
  });
}

function drawMasks() {
  if (reach.options.length !== payload.reaches.length) {
    reach.replaceChildren(...payload.reaches.map((size) => new Option(size, size)));
  }
  const masks = listed();
  while (pictures.length > masks.length) pictures.pop().box.remove();
  while (pictures.length < masks.length) pictures.push(makePicture());
  masks.forEach((mask, index) => drawMask(pictures[index], mask));
  at('.ts-shown').textContent = say('drawn: {shown}; counted: all {tokens}', { shown: payload.shown, tokens: tokenscope.whole(payload.tokens) });
  const unknown = payload.reason ? say('The model’s own masks are not known. {reason}', { reason: payload.reason }) : '';
  at('.ts-mask-without').textContent = payload.own.length || unknown ? `${unknown} ${payload.without}`.trim() : say('No layer of this model has attention.');
}

// --- shared heads ------------------------------------------------------------------------------------------------------------
function drawHeads(way) {
  const { heads } = payload;
  const step = Math.max(7, Math.min(34, Math.floor(300 / heads)));
  const size = Math.min(22, step - 2);
  const [width, height] = [heads * step + 4, 104];
  const about = say('{heads} query heads on {shared} key/value heads', { heads, shared: way.shared });
  const svg = tokenscope.svg('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': about });
  const share = heads / way.shared;
  const x = (head) => 2 + (head + 0.5) * step;
  const low = (group) => (x(group * share) + x((group + 1) * share - 1)) / 2;
  for (let head = 0; head < heads; head += 1) {
    const group = Math.floor(head / share);
    const side = group % 2 ? 'ts-odd' : 'ts-even';
    tokenscope.svg('path', { d: `M${x(head)} ${20 + size / 2}L${low(group)} ${80 - size / 2}`, class: `ts-head-line ${side}` }, svg);
    tokenscope.svg('rect', { x: x(head) - size / 2, y: 20 - size / 2, width: size, height: size, rx: size / 2, class: `ts-query-head ${side}` }, svg);
    if (size >= 16) tokenscope.svg('text', { x: x(head), y: 24, class: 'ts-head-name' }, svg, head);
  }
  for (let group = 0; group < way.shared; group += 1) {
    tokenscope.svg('rect', { x: low(group) - size / 2, y: 80 - size / 2, width: size, height: size, rx: 3, class: `ts-kept-head ${group % 2 ? 'ts-odd' : 'ts-even'}` }, svg);
    if (size >= 16) tokenscope.svg('text', { x: low(group), y: 84, class: 'ts-head-name' }, svg, group);
  }
  return svg;
}

function told(way) {
  const { heads } = payload;
  const shares = way.shared === 1 ? say('all share one') : say('{heads} query heads share one', { heads: heads / way.shared });
  const values = {
    heads, shared: way.shared, shares: way.name === 'MHA' ? say('every query head its own') : shares, bytes: way.per_token,
  };
  if (way.name === 'GQA' && !way.own) {
    return say('For example {heads} query heads, {shared} key/value: {shares}. {bytes} a token in all layers.', values);
  }
  return say('{heads} query heads, {shared} key/value: {shares}. {bytes} a token in all layers.', values);
}

function drawSharing() {
  at('.ts-stepper output').textContent = payload.layer;
  at('.ts-stepper [data-by="-1"]').disabled = payload.layer === 0;
  at('.ts-stepper [data-by="1"]').disabled = payload.layer === payload.layers - 1;
  at('.ts-unavailable').hidden = Boolean(payload.heads);
  at('.ts-unavailable').textContent = say('Layer {layer} keeps no keys and values.', { layer: payload.layer });
  at('.ts-sharing-pictures').replaceChildren(...(payload.heads ? payload.sharing : []).map((way) => {
    const box = cell('div', '', way.own ? 'ts-sharing-picture ts-own' : 'ts-sharing-picture');
    const title = cell('p', '');
    title.append(cell('b', way.name), way.own ? cell('em', say('this model')) : '');
    const size = cell('p', told(way), 'ts-sharing-says');
    size.title = say('{bytes} bytes a token in all layers', { bytes: tokenscope.whole(way.bytes) });
    box.append(title, drawHeads(way), size);
    return box;
  }));
}

// --- kernels -----------------------------------------------------------------------------------------------------------------
function kernelRow(kernel) {
  const row = cell('tr', '');
  const head = cell('th', kernel.name);
  head.scope = 'row';
  row.append(head);
  if (kernel.reason) {
    const why = cell('td', say('not here: {reason}', { reason: kernel.reason }), 'ts-kernel-not');
    why.colSpan = 4;
    row.append(why);
    return row;
  }
  const median = cell('td', '');
  const track = cell('span', '', 'ts-bytes-track');
  const bar = cell('span', '');
  bar.style.width = `${100 * kernel.share}%`;
  track.append(bar);
  median.append(track, cell('span', kernel.median, 'ts-bytes-number'));
  row.append(median, cell('td', kernel.quartiles), cell('td', kernel.memory), cell('td', kernel.error));
  return row;
}

function drawKernels() {
  at('.ts-kernels').hidden = !result;
  at('.ts-done').textContent = result ? say('{done} of {total}', { done: result.done, total: result.total }) : '';
  if (!result) {
    at('.ts-told').textContent = say('Nothing is timed yet. It is layer {layer} that will be: press time them. It can be cancelled.', { layer: payload?.layer ?? 0 });
    return;
  }
  const old = payload && (payload.moment !== result.moment || payload.layer !== result.layer);
  at('.ts-told').textContent = old
    ? say('{facts}. This is about an earlier text or another layer: time them again.', { facts: result.of }) : `${result.of}.`;
  at('.ts-kernels').classList.toggle('ts-stale', Boolean(old));
  at('.ts-meter').value = result.done / result.total;
  at('.ts-kernel-memory').textContent = result.measured ? say('most memory, measured') : say('score matrix held');
  at('.ts-kernels tbody').replaceChildren(...result.kernels.map(kernelRow));
  const memory = result.measured
    ? say('Memory is the most that was held at once beyond the inputs, as CUDA counted it.')
    : say('On a CPU memory is not measured: it is the score matrix by arithmetic, heads × tokens × tokens × bytes, where a kernel makes it.');
  const error = say('The difference is the largest, as a share of the output’s largest value, from the first kernel.');
  const rounding = result.exact ? [] : [say('In 16 bit the kernels round differently.')];
  at('.ts-kernels-note').textContent = [memory, error, ...rounding].join(' ');
}

function draw() {
  if (!props.value) return;
  if (props.value.scan) result = props.value.scan;
  else {
    payload = props.value;
    drawMasks();
    drawSharing();
  }
  drawKernels();
}

const rounds = at('.ts-mask-rounds');
tokenscope.weave(rounds.parentElement, say('each {rounds} times'), { rounds });
reach.addEventListener('change', drawMasks);
element.addEventListener('click', (event) => {
  const by = event.target.closest('[data-by]')?.dataset.by;
  if (!by || !payload) return;
  const layer = Math.min(payload.layers - 1, Math.max(0, payload.layer + Number(by)));
  payload = { ...payload, layer }; // so that quick presses count on from each other; the answer confirms it
  tokenscope.act('layer', { layer });
});
tokenscope.longRun(element, {
  start: at('.ts-start'),
  wrong,
  question: () => ({ what: 'masks', rounds: Number(rounds.value) }),
});
watch('value', draw);
draw();
