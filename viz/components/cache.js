// The KV cache: the grid of passes, the table of bytes, and the experiment with its two lines.
const { tokenscope } = window;
const at = (name) => element.querySelector(name);
const wrong = at('.ts-cache-wrong');
const RUNS = ['with the cache', 'without the cache'];
const [CACHED, COMPUTED] = [0.22, 0.75]; // places on the scale
let payload = null;
let result = null;

const named = (position) => `“${payload.labels[position - payload.start]}” (${position})`;
const few = (count, one, many) => `${tokenscope.whole(count)} ${count === 1 ? one : many}`;

const cell = (name, text, className = '') => tokenscope.make(name, className, null, text);

// --- what each pass computes ---------------------------------------------------------------------------------------------
const grid = tokenscope.tokenGrid(at('.ts-cache-grid'), {
  limits: { widest: 26, narrowest: 9, highest: 22, height: 420 },
  onPick: (row, column) => tokenscope.act('cursor', { position: payload.start + column }),
  describe(row, column) {
    const [name, begin, end] = payload.passes[row];
    const position = payload.start + column;
    const state = position >= end ? 'not written yet' : position >= begin ? 'computed in this pass' : 'taken from the cache';
    return [`pass of ${name}`, `keys and values of ${named(position)}: ${state}`];
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
  const all = `In all, ${few(counts.with, 'row', 'rows')} with the cache, ${tokenscope.whole(counts.without)} without.`;
  const own = `Pass ${counts.pass} of ${counts.passes}, the cursor’s: ${few(counts.computed, 'row is', 'rows are')} computed, ` +
    `${tokenscope.whole(counts.cached)} taken from the cache.`;
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
  at('.ts-cache-now').textContent = `now, ${few(payload.tokens, 'token', 'tokens')}`;
  at('.ts-cache-full').textContent = `at ${tokenscope.whole(payload.context)} tokens`;
  at('.ts-cache-bytes tbody').replaceChildren(...ways.map((way) => {
    const row = cell('tr', '', way.own ? 'ts-own' : '');
    const name = cell('th', '');
    name.scope = 'row';
    name.append(cell('b', way.name === 'window' ? 'Window' : way.name), way.own ? cell('em', 'this model') : '', cell('span', way.says));
    const now = cell('td', '', 'ts-bar-cell');
    const track = cell('span', '', 'ts-bytes-track');
    const bar = cell('span', '');
    bar.style.width = `${(100 * way.bytes.now) / most}%`;
    track.append(bar);
    now.append(track, cell('span', way.words.now, 'ts-bytes-number'));
    const one = cell('td', way.words.per_token);
    one.title = `${tokenscope.whole(way.bytes.per_token)} bytes`;
    now.title = `${tokenscope.whole(way.bytes.now)} bytes`;
    const full = cell('td', way.words.full);
    full.title = `${tokenscope.whole(way.bytes.full)} bytes`;
    row.append(name, one, now, full);
    return row;
  }));
  at('.ts-cache-bytes').hidden = !ways.length;
  at('.ts-cache-formula').textContent = payload.formula
    ? `Keys and values of one token: ${payload.formula}.` : 'No keys and values are kept here, so there is nothing to count.';
  const kept = payload.windowed ? `${payload.windowed} This page keeps the keys outside them too, so that you can go back.` : '';
  at('.ts-cache-held').textContent = payload.formula ? `Held now, by the tensors themselves: ${payload.held}. ${kept} ${payload.states}` : payload.states;
}

// --- the experiment --------------------------------------------------------------------------------------------------------
const chart = tokenscope.timeLines(at('.ts-cache-chart'), { names: RUNS });

function drawTimes() {
  at('.ts-cache-times tbody').replaceChildren(...RUNS.map((name, run) => {
    const row = cell('tr', '');
    const head = cell('th', '');
    head.scope = 'row';
    head.append(chart.sample(run), ` ${name}`);
    row.append(head, ...['totals', 'first', 'early', 'late'].map((part) => cell('td', result[part][run])));
    return row;
  }));
}

function drawResult() {
  at('.ts-cache-result').hidden = !result;
  at('.ts-done').textContent = result ? `${result.done} of ${result.total}` : '';
  if (!result) {
    at('.ts-told').textContent = 'Nothing is timed yet: press run. It can be cancelled.';
    return;
  }
  const stale = payload && payload.moment !== result.moment ? ' This is about an earlier text: run it again.' : '';
  const plain = payload?.changed ? ' The plain model ran, without the changes made on this page.' : '';
  at('.ts-told').textContent = `Without the cache it took ${result.ratio} times as long, from ${few(result.start, 'token', 'tokens')} on ` +
    `(${result.dtype} on ${result.device}).${plain}${stale}`;
  at('.ts-cache-result').classList.toggle('ts-stale', Boolean(stale));
  at('.ts-meter').value = result.done / result.total;
  chart.draw({ start: result.start, total: result.total, seconds: tokenscope.decode(result.seconds), lines: tokenscope.decode(result.lines), done: result.done });
  drawTimes();
  at('.ts-cache-same').textContent = result.same
    ? `Both runs wrote the same ${few(result.done, 'token', 'tokens')}:` : 'The two runs wrote different tokens: rounding made them part. The run with the cache wrote:';
  at('.ts-cache-written').textContent = result.written;
}

function draw() {
  if (!props.value) return;
  if (props.value.scan) {
    result = props.value.scan;
    run.answered();
  } else {
    payload = props.value;
    drawGrid();
    drawBytes();
  }
  drawResult();
}

at('.ts-cache-window select').addEventListener('change', drawBytes);
const run = tokenscope.longRun(element, {
  start: at('.ts-start'),
  wrong,
  ask: () => tokenscope.act('scan', { what: 'cache', tokens: Number(at('.ts-cache-tokens').value) }),
});
tokenscope.onTheme(() => {
  if (payload) drawGrid();
  if (result) drawTimes();
});
watch('value', draw);
draw();
