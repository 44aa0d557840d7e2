// Patching: a changed prompt beside the present one, and what each part of the one run brings back in the other.
const { tokenscope } = window;
const { make, say } = tokenscope;
const find = (selector) => element.querySelector(selector);
const box = find('.ts-patch-text');
const first = find('.ts-patch-first');
const second = find('.ts-patch-second');
const part = find('.ts-patch-part');
const layer = find('.ts-patch-layer');
const begin = find('.ts-start');
const cancel = find('.ts-cancel');
const list = find('.ts-patch-list');
const open = find('.ts-patch-open');
const PAUSE = 350; // milliseconds without a key press after which the typed text is sent
let facts = null;
let scan = null;
let arrays = null;
let cell = null; // the chosen { row, column } of the grid
let chosen = ''; // the texts for which the pair of answers was chosen by hand
let timer = null;
let typed = false; // whether the box holds what the server was not told
let sent = null; // the text that the server was told and has not answered yet

const at = (row, column) => row * scan.columns + column;
const number = (value) => (Math.abs(value) < 0.005 ? '0.00' : `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(2)}`);
const place = (value) => 0.5 + value / 2;
const isHeads = () => scan.part === 'heads';

function partOf(row) {
  if (scan.part === 'stream') return say('stream {stream}', { stream: scan.row_names[row] });
  return scan.part === 'layer heads' ? `L${scan.layer} ${scan.row_names[row]}` : scan.row_names[row];
}

function nameOf(row, column) {
  if (isHeads()) return `L${row} H${column}`;
  return say('{part} at “{token}” ({position})', { part: partOf(row), token: scan.column_names[column], position: column });
}

function numbersOf(row, column) {
  const recovered = arrays.recovered[at(row, column)];
  if (Number.isNaN(recovered)) return [say('not run yet')];
  return [
    say('recovers {share}', { share: number(recovered) }),
    say('“{token}” less “{against}”: {value} logits', {
      token: scan.label, against: scan.against, value: number(arrays.difference[at(row, column)]),
    }),
    say('text above {above}, changed text {changed}', { above: number(scan.clean), changed: number(scan.changed) }),
  ];
}

const grid = tokenscope.tokenGrid(find('.ts-patch-grid'), {
  describe: (row, column) => [nameOf(row, column), ...numbersOf(row, column)],
  onPick: (row, column) => choose({ row, column }),
  limits: { widest: 72, narrowest: 15, highest: 34, height: 420, characters: 18 },
});
const heads = tokenscope.headGrid(find('.ts-head-canvas'), {
  paint(context, row, column, x, y, size) {
    const value = arrays.recovered[at(row, column)];
    const { diverging, variables } = tokenscope.colours;
    const theme = tokenscope.theme();
    context.fillStyle = Number.isNaN(value) ? variables[theme].masked : tokenscope.mix(diverging[theme], place(value));
    context.fillRect(x, y, size, size);
  },
  describe: numbersOf,
  limits: { largest: 44, smallest: 9, height: 460 },
});

// --- the two texts ---------------------------------------------------------------------------------------------------
function send() {
  clearTimeout(timer);
  timer = null;
  if (!facts) return; // the first answer asks again
  typed = false;
  const text = box.value || facts.original;
  if (text === (sent ?? facts.text)) return;
  sent = text;
  tokenscope.act('changed', { text });
}

function fit() {
  box.style.height = 'auto';
  box.style.height = `${Math.min(160, box.scrollHeight + 2)}px`;
}

function drawTokens() {
  const other = new Map(facts.differs);
  find('.ts-patch-tokens').replaceChildren(...facts.tokens.map((label, position) => {
    const unit = document.createElement('span');
    unit.setAttribute('role', 'listitem');
    unit.className = other.has(position) ? 'ts-patch-token ts-differs' : 'ts-patch-token';
    for (const text of other.has(position) ? [label, other.get(position)] : [label]) make('code', '', unit, text);
    if (other.has(position)) unit.setAttribute('aria-label', say('{token}, changed to {other}', { token: label, other: other.get(position) }));
    return unit;
  }));
}

function hint() {
  if (facts.differs.length) return '';
  if (facts.text !== facts.original) return say('Up to the cursor both texts are the same: put the cursor behind the change.');
  return say('Both texts are still the same. Change a word in the box into another of as many tokens, such as a country into another.');
}

// --- their answers ---------------------------------------------------------------------------------------------------
function answerRow([, label, share]) {
  const row = make('div', 'ts-key-row');
  make('code', 'ts-label', row, label);
  make('span', 'ts-final', make('span', 'ts-track', row)).style.width = `${share * 100}%`;
  make('span', 'ts-number', row, tokenscope.percent(share));
  return row;
}

function drawAnswers() {
  for (const rows of element.querySelectorAll('.ts-patch-rows')) {
    rows.replaceChildren(...facts[rows.dataset.run].slice(0, facts.shown).map(answerRow));
  }
  const byHand = chosen === facts.key;
  [[first, facts.clean, facts.pair[0]], [second, facts.changed, facts.pair[1]]].forEach(([select, answers, usual]) => {
    const kept = select.value;
    select.replaceChildren(...answers.map(([id, label, share]) => new Option(`${label}  ${tokenscope.percent(share)}`, id)));
    select.value = byHand ? kept : usual;
  });
}

function drawLayers() {
  if (layer.options.length !== facts.layers) {
    layer.replaceChildren(...Array.from({ length: facts.layers }, (_, index) => new Option(index, index)));
  }
  layer.value = Math.min(facts.layer, facts.layers - 1);
}

function drawFacts() {
  if (facts.text === sent) sent = null;
  if (typed && timer === null) send(); // it was typed before the first answer
  if (document.activeElement !== box && sent === null && !typed) box.value = facts.text;
  fit();
  const wrong = find('#patch-problem');
  wrong.hidden = !facts.error;
  wrong.textContent = facts.error;
  box.classList.toggle('ts-wrong', Boolean(facts.error));
  find('.ts-patch-body').classList.toggle('ts-stale', Boolean(facts.error));
  drawLayers();
  ready();
  if (facts.error) return; // the tokens and answers stay as they were, faded
  find('.ts-patch-hint').textContent = hint();
  drawTokens();
  drawAnswers();
}

function ready() {
  const running = document.body.classList.contains('ts-scanning');
  cancel.hidden = !running;
  find('.ts-meter').hidden = !running;
  begin.disabled = running || !facts || Boolean(facts.error) || !facts.differs.length || first.value === second.value;
  find('.ts-patch-of').hidden = part.value !== 'layer heads';
}

// --- the result ------------------------------------------------------------------------------------------------------
function choose(found) {
  cell = found;
  const { row, column } = found;
  find('.ts-patch-said').textContent = [nameOf(row, column), ...numbersOf(row, column)].join(' · ');
  const [label, name, detail] = {
    stream: [say('open it in the lens'), 'open_tab', { tab: 'lens', reading: 2 * row }],
    attention: [say('open this layer’s heads'), 'open_tab', { tab: 'attention', layer: row }],
    MLP: [say('open its neurons'), 'open_tab', { tab: 'neurons', layer: row }],
    'layer heads': [say('open {view}', { view: `L${scan.layer} H${row}` }), 'open_head', { layer: scan.layer, head: row }],
  }[scan.part] || ['', '', null];
  open.hidden = !detail;
  open.textContent = label;
  open.onclick = () => tokenscope.act(name, detail);
  if (!isHeads()) drawGrid();
}

function drawGrid() {
  grid.draw({
    values: arrays.recovered,
    rows: scan.rows,
    columns: scan.columns,
    scale: 'diverging',
    place,
    rowNames: scan.row_names,
    columnNames: scan.column_names,
    upwards: scan.part !== 'layer heads',
    selected: cell || { row: -1, column: -1 },
    write: number,
  });
}

function listRow([row, column]) {
  const value = arrays.recovered[at(row, column)];
  if (isHeads()) {
    const group = scan.heads.shared ? say('kv {group}', { group: tokenscope.decode(scan.heads.groups)[at(row, column)] }) : '';
    return tokenscope.headRow({ layer: row, head: column, group, off: false, share: value, number: number(value) });
  }
  const button = make('button', 'ts-patch-row');
  Object.assign(button.dataset, { row, column });
  make('span', 'ts-patch-where', button, scan.part === 'stream' ? say('stream {stream}', { stream: row }) : partOf(row));
  make('span', 'ts-patch-which', button, `${scan.column_names[column]} (${column})`);
  const bar = make('span', value < 0 ? 'ts-final ts-less' : 'ts-final', make('span', 'ts-track', button));
  bar.style.width = `${Math.min(1, Math.abs(value)) * 100}%`;
  make('span', 'ts-number', button, number(value));
  button.setAttribute('aria-label', say('{cell}, recovers {share}', { cell: nameOf(row, column), share: number(value) }));
  return button;
}

function drawScan() {
  find('.ts-patch-result').hidden = !scan;
  if (!scan) {
    find('.ts-told').textContent = say('No patch yet. It runs the model once for each cell, and can be cancelled.');
    return;
  }
  const stale = facts && (facts.error || facts.key !== scan.key);
  const told = [say('“{token}” less “{against}”: {above} logits after the text above, {changed} after the changed one.', {
    token: scan.label, against: scan.against, above: number(scan.clean), changed: number(scan.changed),
  })];
  if (scan.clean === scan.changed) told.push(say('The two are the same, so there is nothing to recover: choose other answers.'));
  if (stale) told.push(say('This is about other texts, another cursor or another change of the model: patch again.'));
  find('.ts-told').textContent = told.join(' ');
  find('.ts-patch-result').classList.toggle('ts-stale', Boolean(stale));
  find('.ts-patch-grid').hidden = isHeads();
  find('.ts-patch-heads').hidden = !isHeads();
  list.replaceChildren(...scan.order.map(listRow));
  find('.ts-patch-list').classList.toggle('ts-head-rows', isHeads());
  find('.ts-meter').value = scan.done / scan.total;
  find('.ts-done').textContent = say('{done} of {total}', { done: scan.done, total: scan.total });
  find('.ts-ramp').style.backgroundImage = tokenscope.gradient('diverging');
  find('.ts-patch-unknown').hidden = !arrays.recovered.some(Number.isNaN);
  if (isHeads()) heads.draw(scan.heads);
  else drawGrid();
}

function drawResult(found) {
  const other = !scan || scan.part !== found.part || scan.layer !== found.layer || scan.key !== found.key;
  scan = found;
  arrays = { recovered: tokenscope.decode(scan.recovered), difference: tokenscope.decode(scan.difference) };
  if (other) cell = null;
  if (isHeads() || !cell) {
    find('.ts-patch-said').textContent = isHeads() ? say('A click opens a head.') : say('Choose a cell to read its numbers.');
    open.hidden = true;
  } else choose(cell);
}

function draw() {
  if (!props.value) return;
  if (props.value.scan) drawResult(props.value.scan);
  else {
    facts = props.value;
    drawFacts();
  }
  drawScan();
}

box.addEventListener('input', () => {
  typed = true;
  fit();
  clearTimeout(timer);
  timer = setTimeout(send, PAUSE);
});
box.addEventListener('change', () => {
  if (!box.value && facts) box.value = facts.original; // an empty box goes back to the prompt
  send();
});
tokenscope.failures.push(() => { sent = null; });
for (const select of [first, second]) {
  select.addEventListener('change', () => {
    chosen = facts.key;
    ready();
  });
}
part.addEventListener('change', ready);
layer.addEventListener('change', () => tokenscope.act('layer', { layer: Number(layer.value) }));
begin.addEventListener('click', () => {
  const pair = chosen === facts.key ? [Number(first.value), Number(second.value)] : null;
  send();
  tokenscope.act('scan', { what: 'patching', part: part.value, layer: Number(layer.value), pair });
});
cancel.addEventListener('click', () => tokenscope.stop());
list.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  const { layer: one, head, row, column } = button.dataset;
  if (isHeads()) tokenscope.act('open_head', { layer: Number(one), head: Number(head) });
  else choose({ row: Number(row), column: Number(column) });
});
new MutationObserver(ready).observe(document.body, { attributes: true, attributeFilter: ['class'] });
tokenscope.onTheme(() => {
  find('.ts-ramp').style.backgroundImage = tokenscope.gradient('diverging');
});
watch('value', draw);
draw();
