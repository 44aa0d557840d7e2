// Who wrote this token: what each part of the model added to one logit, as bars, a grid of heads and a waterfall.
const { tokenscope } = window;
const { later, say } = tokenscope;
const find = (selector) => element.querySelector(selector);
const form = tokenscope.questionForm(find('.ts-question-host'));
const partRows = find('.ts-part-rows');
const headRows = find('.ts-head-rows');
const LISTED = 8; // heads
const LEAST = 1e-3; // a scale for smaller values would make rounding look like effects
// The letters are explained below the waterfall.
const SHORT = {
  embedding: later('E'), attention: later('A'), MLP: later('M'), block: later('B'), steering: later('S'), bias: later('bias'),
};
let payload = null;
let arrays = null;
let order = 'computed';
let only = 'all';
let selected = { layer: 0, head: 0 };

const signed = (value, digits = 2) => {
  const text = Math.abs(value).toFixed(digits);
  return `${value < 0 && Number(text) ? '−' : '+'}${text}`; // a zero, however it came about, is +0
};
const plain = (value, digits = 2) => value.toFixed(digits).replace('-', '−');
const at = (layer, head) => layer * payload.grid.heads + head;
const valueOf = (layer, head) => (head < payload.columns ? arrays.heads[layer * payload.columns + head] : NaN);
const largest = (list) => list.reduce((top, value) => (Number.isNaN(value) ? top : Math.max(top, Math.abs(value))), LEAST);

// --- the heads ---------------------------------------------------------------------------------------------------------
const grid = tokenscope.headGrid(find('.ts-head-canvas'), {
  paint(context, layer, head, x, y, size) {
    const value = valueOf(layer, head);
    const { diverging, variables } = tokenscope.colours;
    const theme = tokenscope.theme();
    const share = 0.5 + value / largest(arrays.heads) / 2;
    context.fillStyle = Number.isNaN(value) ? variables[theme].masked : tokenscope.mix(diverging[theme], share);
    context.fillRect(x, y, size, size);
  },
  describe(layer, head) {
    const value = valueOf(layer, head);
    return [Number.isNaN(value) ? say('cannot be told apart') : say('{value} logits', { value: signed(value, 4) })];
  },
  limits: { largest: 36, smallest: 9, height: 400 },
});

function drawScale() {
  if (!arrays) return;
  const most = largest(arrays.heads);
  find('.ts-ramp').style.backgroundImage = tokenscope.gradient('diverging');
  find('.ts-low').textContent = `−${most.toFixed(2)}`;
  find('.ts-high').textContent = say('{value} logits', { value: `+${most.toFixed(2)}` });
}

function drawHeads() {
  const missing = find('.ts-unsplit-heads');
  missing.hidden = !payload.unsplit_heads;
  missing.textContent = payload.unsplit_heads;
  const shown = payload.grid !== null;
  find('.ts-heads-shown').hidden = find('.ts-only').hidden = !shown;
  if (!shown) return;
  drawScale();
  grid.draw(payload.grid);
  drawHeadRows();
}

function drawHeadRows() {
  const groups = tokenscope.decode(payload.grid.groups);
  const most = largest(arrays.heads);
  const listed = [];
  for (let index = 0; index < arrays.order.length && listed.length < LISTED; index += 2) {
    const [layer, head] = arrays.order.subarray(index, index + 2);
    if (only === 'all' || layer === selected.layer) listed.push([layer, head]);
  }
  headRows.replaceChildren(...listed.map(([layer, head]) => {
    const off = payload.grid.ablated.some(([one, other]) => one === layer && other === head);
    const group = payload.grid.shared ? say('kv {group}', { group: groups[at(layer, head)] }) : '';
    const value = valueOf(layer, head);
    return tokenscope.headRow({ layer, head, group, off, share: value / most, number: signed(value) });
  }));
  mark();
}

function mark() {
  for (const chip of element.querySelectorAll('.ts-only button')) chip.setAttribute('aria-pressed', String(chip.dataset.only === only));
  find('[data-only=layer]').textContent = say('only {layer}', { layer: `L${selected.layer}` });
  for (const row of headRows.children) {
    const here = Number(row.dataset.layer) === selected.layer && Number(row.dataset.head) === selected.head;
    if (here) row.setAttribute('aria-current', 'true');
    else row.removeAttribute('aria-current');
  }
}

// --- the parts ---------------------------------------------------------------------------------------------------------
// Where a part's button goes: an attention to its heads beside, an MLP to its neurons.
const OPENS = {
  attention: (layer) => (payload.unsplit_heads ? null : say('the heads of layer {layer}', { layer })),
  MLP: (layer) => say('the neurons of MLP {layer}', { layer }),
};
const goal = (part) => OPENS[payload.kinds[part]]?.(payload.part_layers[part]) ?? null;

function go(part) {
  const layer = payload.part_layers[part];
  if (payload.kinds[part] === 'MLP') tokenscope.act('open_tab', { tab: 'neurons', layer });
  else if (goal(part)) {
    [only, selected] = ['layer', { ...selected, layer }];
    tokenscope.act('layer', { layer });
    drawHeadRows();
    find('.ts-part-heads').scrollIntoView({ block: 'nearest' });
  }
}

function makeRow(name) {
  const row = document.createElement(name);
  row.className = 'ts-part';
  if (name === 'button') row.type = 'button';
  row.append(...['ts-part-name', 'ts-track', 'ts-number'].map((part) => {
    const node = document.createElement('span');
    node.className = part;
    return node;
  }));
  row.children[1].append(document.createElement('span'));
  return row;
}

// A bar from a zero line that stands where the smallest and the largest value leave it.
function fill(row, name, value, { low, span }) {
  const [title, track, number] = row.children;
  title.textContent = name;
  number.textContent = signed(value);
  track.style.setProperty('--ts-zero', `${(-100 * low) / span}%`);
  const bar = track.firstChild;
  bar.className = value < 0 ? 'ts-minus' : 'ts-plus';
  bar.style.left = `${(100 * (Math.min(0, value) - low)) / span}%`;
  bar.style.width = `${(100 * Math.abs(value)) / span}%`;
}

function drawParts() {
  const missing = find('.ts-unsplit');
  missing.hidden = !payload.unsplit;
  missing.textContent = payload.unsplit;
  const low = Math.min(0, ...arrays.values);
  const scale = { low, span: Math.max(LEAST, ...arrays.values) - low };
  const parts = order === 'size' ? payload.order : payload.names.map((_, index) => index);
  parts.forEach((part, place) => {
    const opens = goal(part);
    const tag = opens ? 'button' : 'div';
    let row = partRows.children[place];
    if (row?.localName !== tag) {
      const made = makeRow(tag);
      if (row) row.replaceWith(made);
      else partRows.append(made);
      row = made;
    }
    row.dataset.part = part;
    fill(row, payload.names[part], arrays.values[part], scale);
    if (opens) {
      const told = { part: payload.names[part], value: signed(arrays.values[part]), goal: opens };
      row.setAttribute('aria-label', say('{part}, {value} logits, open {goal}', told));
    }
  });
  while (partRows.children.length > parts.length) partRows.lastElementChild.remove();
  for (const chip of element.querySelectorAll('.ts-orders button')) chip.setAttribute('aria-pressed', String(chip.dataset.order === order));
}

// --- the waterfall -----------------------------------------------------------------------------------------------------
function steps() {
  const list = payload.names.map((name, part) => {
    const [from, to] = [part ? arrays.running[part - 1] : 0, arrays.running[part]];
    const kind = payload.kinds[part];
    const letter = say(SHORT[kind]);
    const short = kind === 'embedding' || kind === 'bias' ? letter : `${letter}${payload.part_layers[part]}`;
    const lines = [name, say('{value} logits', { value: signed(arrays.values[part], 4) }), `${plain(from)} → ${plain(to)}`];
    const open = goal(part);
    if (open) lines.push(say('opens {goal}', { goal: open }));
    return { part, short, from, to, value: signed(arrays.values[part]), kind: 'part', open, lines };
  });
  const sum = (short, name, value) => ({ short, from: 0, to: value, value: plain(value), kind: 'sum', lines: [name, plain(value, 4)] });
  list.push(sum(say('total'), say("the model's own {number}", { number: payload.number }), payload.total));
  if (payload.softcap === null) return list;
  const cap = [say('softcap'), say('each logit: {cap} × tanh(logit / {cap})', { cap: payload.softcap }), `${plain(payload.total)} → ${plain(payload.logit)}`];
  return [
    ...list,
    { short: say('cap'), from: payload.total, to: payload.logit, value: signed(payload.logit - payload.total), kind: 'part', lines: cap },
    sum(say('logit'), say("the model's own {number}, after the softcap", { number: payload.number }), payload.logit),
  ];
}

const waterfall = tokenscope.waterfall(find('.ts-waterfall'), { onPick: ({ part }) => go(part) });

function draw() {
  if (!props.value) return;
  payload = props.value;
  if (payload.form) form.draw(payload.form);
  const missing = find('.ts-unavailable');
  missing.hidden = !payload.unavailable;
  missing.textContent = payload.unavailable || '';
  find('.ts-contributions-body').hidden = Boolean(payload.unavailable);
  if (payload.unavailable) return;
  arrays = {
    values: tokenscope.decode(payload.values),
    running: tokenscope.decode(payload.running),
    heads: tokenscope.decode(payload.split_heads),
    order: tokenscope.decode(payload.head_order),
  };
  find('.ts-told-parts').textContent = payload.told.join(' ');
  find('.ts-told-heads').textContent = payload.told_heads;
  find('.ts-sum-check').textContent = payload.check;
  drawParts();
  drawHeads();
  waterfall.draw(steps(), `${say('waterfall')}: ${payload.told[0]} ${say('The list “Every part” holds the same numbers.')}`);
}

element.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  const { part, layer, head } = button.dataset;
  if (button.dataset.order) {
    order = button.dataset.order;
    drawParts();
  } else if (button.dataset.only) {
    only = button.dataset.only;
    drawHeadRows();
  } else if (part !== undefined) go(Number(part));
  else if (layer !== undefined) tokenscope.act('open_head', { layer: Number(layer), head: Number(head) });
});
tokenscope.onView((view) => {
  if (view.layer === selected.layer && view.head === selected.head) return;
  selected = { layer: view.layer, head: view.head };
  if (!payload?.grid) return;
  if (only === 'layer') drawHeadRows();
  else mark();
});
tokenscope.onTheme(drawScale);
watch('value', draw);
draw();
