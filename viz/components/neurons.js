// One MLP's neurons: those that added most to the explained logit, and the tokens that each raises and lowers.
const { tokenscope } = window;
const { make, say, sayMany } = tokenscope;
const find = (selector) => element.querySelector(selector);
const form = tokenscope.questionForm(find('.ts-question-host'));
const mlps = find('.ts-mlps');
const [body] = element.querySelectorAll('tbody');
const foot = find('tfoot');
const LEAST = 1e-3; // a scale for smaller values would make rounding look like effects
const ROUNDING = 1e-5; // logits: what remains where an MLP has no bias
let payload = null;

const signed = (value, digits = 2) => {
  const text = Math.abs(value).toFixed(digits);
  return `${value < 0 && Number(text) ? '−' : '+'}${text}`; // a zero, however it came about, is +0
};
const plain = (value, digits = 2) => value.toFixed(digits).replace('-', '−');

// --- which layer -------------------------------------------------------------------------------------------------------
function drawLayers() {
  const values = tokenscope.decode(payload.mlp);
  const most = values.reduce((top, value) => (Number.isNaN(value) ? top : Math.max(top, Math.abs(value))), LEAST);
  while (mlps.children.length > payload.layers) mlps.lastElementChild.remove();
  while (mlps.children.length < payload.layers) {
    const button = make('button', 'ts-mlp', mlps);
    button.type = 'button';
    make('span', 'ts-mlp-name', button);
    make('span', 'ts-number', button);
    make('span', '', make('span', 'ts-track', button));
  }
  values.forEach((value, layer) => {
    const button = mlps.children[layer];
    const [name, number, track] = button.children;
    const known = !Number.isNaN(value);
    button.dataset.layer = layer;
    button.setAttribute('aria-pressed', String(layer === payload.layer));
    name.textContent = say('MLP {layer}', { layer });
    number.textContent = known ? signed(value) : '–';
    track.firstChild.className = value < 0 ? 'ts-minus' : 'ts-plus';
    track.firstChild.style.width = known ? `${(100 * Math.abs(value)) / most}%` : '0';
    button.setAttribute('aria-label', known ? say('MLP {layer}, {value} logits', { layer, value: signed(value) }) : name.textContent);
  });
}

// --- the table ---------------------------------------------------------------------------------------------------------
function drawTokens(cell, tokens) {
  cell.replaceChildren(...tokens.map(([label, logits]) => {
    const chip = make('span', 'ts-neuron-token');
    chip.title = say('{token} {value} logits', { token: label, value: logits });
    make('code', '', chip, label);
    const unit = say('{value} logits', { value: logits });
    make('span', 'ts-unseen', chip, ` ${unit}, `);
    return chip;
  }));
}

function makeRow(parent, columns) {
  const row = make('tr', '', parent);
  make('th', '', row).scope = 'row';
  make('td', 'ts-neuron-activation', row);
  const added = make('td', 'ts-neuron-added', row);
  make('span', '', make('span', 'ts-track', added));
  make('span', 'ts-number', added);
  if (columns > 3) {
    // What a narrow window, which has no room for the table's head, writes before them.
    make('td', 'ts-raises', row).dataset.does = say('raises');
    make('td', 'ts-lowers', row).dataset.does = say('lowers');
  } else make('td', '', row).colSpan = 2;
  return row;
}

function drawAdded(cell, value, { low, span }) {
  const [track, number] = cell.children;
  const bar = track.firstChild;
  track.style.setProperty('--ts-zero', `${(-100 * low) / span}%`);
  bar.className = value < 0 ? 'ts-minus' : 'ts-plus';
  bar.style.left = `${(100 * (Math.min(0, value) - low)) / span}%`;
  bar.style.width = `${(100 * Math.abs(value)) / span}%`;
  number.textContent = signed(value);
}

function drawFoot(scale) {
  const rows = [[sayMany('{count} other neuron', '{count} other neurons', payload.count - payload.neuron.length), payload.others]];
  if (Math.abs(payload.bias) > ROUNDING) rows.push([say('bias'), payload.bias]);
  rows.push([say('MLP {layer} in all', { layer: payload.layer }), payload.total]);
  while (foot.rows.length > rows.length) foot.lastElementChild.remove();
  while (foot.rows.length < rows.length) makeRow(foot, 3);
  rows.forEach(([name, value], index) => {
    const line = foot.rows[index];
    line.className = index === rows.length - 1 ? 'ts-sum' : '';
    line.cells[0].textContent = name;
    drawAdded(line.cells[2], value, scale);
  });
}

function drawTable() {
  const [activation, value] = [tokenscope.decode(payload.activation), tokenscope.decode(payload.value)];
  const all = [...value, payload.others, payload.bias, payload.total];
  const low = Math.min(0, ...all);
  const scale = { low, span: Math.max(LEAST, ...all) - low };
  while (body.rows.length > payload.neuron.length) body.lastElementChild.remove();
  while (body.rows.length < payload.neuron.length) makeRow(body, 5);
  payload.neuron.forEach((neuron, index) => {
    const { cells } = body.rows[index];
    cells[0].textContent = neuron;
    cells[1].textContent = plain(activation[index], 3);
    drawAdded(cells[2], value[index], scale);
    drawTokens(cells[3], payload.promoted[index]);
    drawTokens(cells[4], payload.suppressed[index]);
  });
  drawFoot(scale);
  find('.ts-told-neurons').textContent = payload.told;
}

function tell(selector, text) {
  find(selector).hidden = !text;
  find(selector).textContent = text || '';
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  if (payload.form) form.draw(payload.form);
  tell('.ts-none', payload.unavailable);
  find('.ts-neurons-body').hidden = Boolean(payload.unavailable);
  if (payload.unavailable) return;
  drawLayers();
  tell('.ts-none-here', payload.none_here);
  find('.ts-neurons-shown').hidden = Boolean(payload.none_here);
  if (!payload.none_here) drawTable();
}

mlps.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  for (const other of mlps.children) other.setAttribute('aria-pressed', String(other === button)); // the answer confirms it
  tokenscope.act('layer', { layer: Number(button.dataset.layer) });
});
watch('value', draw);
draw();
