// The KV cache: the grid of passes, the table of bytes, and the experiment with its two lines.
const { tokenscope } = window;
const { say, sayMany } = tokenscope;
const at = (name) => element.querySelector(name);
const wrong = at('.ts-cache-wrong');
const RUNS = [tokenscope.later('with the cache'), tokenscope.later('without the cache')];
const [CACHED, COMPUTED] = [0.22, 0.75]; // places on the scale
let payload = null;
let result = null;

const named = (position) => `“${payload.labels[position - payload.start]}” (${position})`;
const bytesOf = (count) => sayMany('{count} byte', '{count} bytes', count);

const cell = (name, text, className = '') => tokenscope.make(name, className, null, text);

// --- what each pass computes ---------------------------------------------------------------------------------------------
const grid = tokenscope.tokenGrid(at('.ts-cache-grid'), {
  limits: { widest: 26, narrowest: 9, highest: 22, height: 420 },
  onPick: (row, column) => tokenscope.act('cursor', { position: payload.start + column }),
  describe(row, column) {
    const [name, begin, end] = payload.passes[row];
    const position = payload.start + column;
    const state = position >= end ? say('not written yet') : position >= begin ? say('computed in this pass') : say('taken from the cache');
    return [say('pass of {name}', { name }), say('keys and values of {token}: {state}', { token: named(position), state })];
  },
});

function drawGrid() {
  const { passes, labels, start, cursor, counts } = payload;
  const values = new Float32Array(passes.length * labels.length).fill(NaN);
  passes.forEach(([, begin, end], row) => {
    for (let column = 0; column < labels.length && start + column < end; column += 1) {
      values[row * labels.length + column] = start + column < begin ? CACHED : COMPUTED;
    }
  });
  grid.draw({
    values, rows: passes.length, columns: labels.length, scale: 'sequential', place: (value) => value, rowNames: passes.map(([name]) => name),
    columnNames: labels, upwards: false, selected: { row: payload.here, column: cursor - start },
  });
  const all = sayMany('In all, {count} row with the cache, {without} without.', 'In all, {count} rows with the cache, {without} without.', counts.with, {
    without: tokenscope.whole(counts.without),
  });
  const own = sayMany(
    'Pass {pass} of {passes}, the cursor’s: {count} row is computed, {cached} taken from the cache.',
    'Pass {pass} of {passes}, the cursor’s: {count} rows are computed, {cached} taken from the cache.',
    counts.computed, { pass: counts.pass, passes: counts.passes, cached: tokenscope.whole(counts.cached) },
  );
  at('.ts-cache-told').textContent = payload.reason ? `${payload.reason}. ${all}` : `${own} ${all}`;
  at('.ts-cache-key .ts-shown').textContent = payload.shown;
  const { sequential } = tokenscope.colours;
  const colour = (share) => tokenscope.mix(sequential[tokenscope.theme()], share);
  at('.ts-key-computed').style.setProperty('--ts-key', colour(COMPUTED));
  at('.ts-key-cached').style.setProperty('--ts-key', colour(CACHED));
}

// --- what it takes ---------------------------------------------------------------------------------------------------------
function drawWindows() {
  const select = at('.ts-cache-window select');
  const sizes = payload.ways.map((way) => way.window).filter(Boolean);
  if (select.options.length !== sizes.length) select.replaceChildren(...sizes.map((size) => new Option(size, size)));
  at('.ts-cache-window').hidden = !sizes.length;
}

function drawBytes() {
  drawWindows();
  const chosen = Number(at('.ts-cache-window select').value);
  const ways = payload.ways.filter((way) => !way.window || way.window === chosen);
  const most = Math.max(1, ...ways.map((way) => way.bytes.now));
  at('.ts-cache-now').textContent = sayMany('now, {count} token', 'now, {count} tokens', payload.tokens);
  at('.ts-cache-full').textContent = sayMany('at {count} token', 'at {count} tokens', payload.context);
  at('.ts-cache-bytes tbody').replaceChildren(...ways.map((way) => {
    const row = cell('tr', '', way.own ? 'ts-own' : '');
    const name = cell('th', '');
    name.scope = 'row';
    name.append(cell('b', way.name === 'window' ? say('Window') : way.name), way.own ? cell('em', say('this model')) : '', cell('span', way.says));
    const now = cell('td', '', 'ts-bar-cell');
    const track = cell('span', '', 'ts-bytes-track');
    const bar = cell('span', '');
    bar.style.width = `${(100 * way.bytes.now) / most}%`;
    track.append(bar);
    now.append(track, cell('span', way.words.now, 'ts-bytes-number'));
    const one = cell('td', way.words.per_token);
    one.title = bytesOf(way.bytes.per_token);
    now.title = bytesOf(way.bytes.now);
    const full = cell('td', way.words.full);
    full.title = bytesOf(way.bytes.full);
    row.append(name, one, now, full);
    return row;
  }));
  at('.ts-cache-bytes').hidden = !ways.length;
  at('.ts-cache-formula').textContent = payload.formula
    ? say('Keys and values of one token: {formula}.', { formula: payload.formula })
    : say('No keys and values are kept here, so there is nothing to count.');
  at('.ts-cache-held').textContent = heldText();
}

function heldText() {
  if (!payload.formula) return payload.states;
  const lines = [say('Held now, by the tensors themselves: {held}.', { held: payload.held })];
  if (payload.windowed) lines.push(payload.windowed, say('This page keeps the keys outside them too, so that you can go back.'));
  return [...lines, payload.states].filter(Boolean).join(' ');
}

// --- the experiment --------------------------------------------------------------------------------------------------------
tokenscope.weave(at('.ts-cache-window'), say('compare with a window of {size} tokens'), { size: at('.ts-cache-window select') });
tokenscope.weave(at('.ts-cache-write'), say('write {count} new tokens'), { count: at('.ts-cache-tokens') });
const chart = tokenscope.timeLines(at('.ts-cache-chart'), { names: RUNS.map((name) => say(name)) });

function drawTimes() {
  at('.ts-cache-times tbody').replaceChildren(...RUNS.map((name, run) => {
    const row = cell('tr', '');
    const head = cell('th', '');
    head.scope = 'row';
    head.append(chart.sample(run), ' ', say(name));
    row.append(head, ...['totals', 'first', 'early', 'late'].map((part) => cell('td', result[part][run])));
    return row;
  }));
}

function toldText(stale) {
  const lines = [sayMany(
    'Without the cache it took {ratio} times as long, from {count} token on ({dtype} on {device}).',
    'Without the cache it took {ratio} times as long, from {count} tokens on ({dtype} on {device}).',
    result.start, { ratio: result.ratio, dtype: result.dtype, device: result.device },
  )];
  if (payload?.changed) lines.push(say('The plain model ran, without the changes made on this page.'));
  if (stale) lines.push(say('This is about an earlier text: run it again.'));
  return lines.join(' ');
}

function drawResult() {
  at('.ts-cache-result').hidden = !result;
  at('.ts-done').textContent = result ? say('{done} of {total}', { done: result.done, total: result.total }) : '';
  if (!result) {
    at('.ts-told').textContent = say('Nothing is timed yet: press run. It can be cancelled.');
    return;
  }
  const stale = Boolean(payload) && payload.moment !== result.moment;
  at('.ts-told').textContent = toldText(stale);
  at('.ts-cache-result').classList.toggle('ts-stale', stale);
  at('.ts-meter').value = result.done / result.total;
  chart.draw({ start: result.start, total: result.total, seconds: tokenscope.decode(result.seconds), lines: tokenscope.decode(result.lines), done: result.done });
  drawTimes();
  at('.ts-cache-same').textContent = result.same
    ? sayMany('Both runs wrote the same {count} token:', 'Both runs wrote the same {count} tokens:', result.done)
    : say('The two runs wrote different tokens: rounding made them part. The run with the cache wrote:');
  at('.ts-cache-written').textContent = result.written;
}

function draw() {
  if (!props.value) return;
  if (props.value.scan) result = props.value.scan;
  else {
    payload = props.value;
    drawGrid();
    drawBytes();
  }
  drawResult();
}

at('.ts-cache-window select').addEventListener('change', drawBytes);
tokenscope.longRun(element, {
  start: at('.ts-start'),
  wrong,
  question: () => ({ what: 'cache', tokens: Number(at('.ts-cache-tokens').value) }),
});
tokenscope.onTheme(() => {
  if (payload) drawGrid();
  if (result) drawTimes();
});
watch('value', draw);
draw();
