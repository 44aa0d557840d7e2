// bertviz's views: what to build and how large it would be, and the closed frame that shows what was built.
const { tokenscope } = window;
const { say } = tokenscope;
const kind = element.querySelector('.ts-kind');
const size = element.querySelector('.ts-tokens-shown');
const chips = element.querySelector('.ts-layer-chips');
const build = element.querySelector('.ts-build');
const place = element.querySelector('.ts-bertviz-frame');
const says = element.querySelector('.ts-bertviz-says');
const chosen = new Set();
const ROUNDED = {
  none: () => say('Weights will be rounded to 4 digits.'),
  first: () => say('Weights will be rounded to 4 digits, the first token hidden.'),
  special: () => say('Weights will be rounded to 4 digits, special tokens hidden.'),
};
let payload = null;
let made = null; // { made, made_of } of the frame that is shown

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 1)} MB`;
const bytes = () => payload.layer_bytes[size.value] * chosen.size + payload.script_bytes[kind.value];

function drawSize() {
  const large = bytes() > payload.most;
  element.querySelector('.ts-size').textContent = sizeText(large);
  build.disabled = large || chosen.size === 0;
  says.textContent = made ? shownText() : ROUNDED[payload.hide]();
}

function sizeText(large) {
  if (chosen.size === 0) return say('choose a layer');
  const values = { size: megabytes(bytes()), shown: payload.shown[size.value], most: megabytes(payload.most) };
  return large ? say('about {size}, {shown}: more than {most}, choose less', values) : say('about {size}, {shown}', values);
}

function shownText() {
  const stale = made.made_of === payload.text ? '' : say('The text, the cursor or the switch has changed since: build it again.');
  const shown = say('Shown: {made}. Weights are rounded to 4 digits.', { made: made.made });
  return `${shown} ${stale}`.trim();
}

function drawChips() {
  for (const layer of [...chosen]) if (!payload.layers.includes(layer)) chosen.delete(layer);
  if (chosen.size === 0 && payload.layers.includes(payload.selected)) chosen.add(payload.selected);
  while (chips.children.length > payload.layers.length) chips.lastElementChild.remove();
  payload.layers.forEach((layer, index) => {
    let chip = chips.children[index];
    if (!chip) {
      chip = document.createElement('button');
      chip.type = 'button';
      chip.className = 'ts-chip';
      chips.append(chip);
    }
    chip.textContent = layer;
    chip.dataset.layer = layer;
    chip.setAttribute('aria-label', say('layer {layer}', { layer }));
    chip.setAttribute('aria-pressed', String(chosen.has(layer)));
  });
}

function show(content) {
  const frame = document.createElement('iframe');
  // Scripts and nothing else: no way to this page, to its storage or anywhere.
  frame.setAttribute('sandbox', 'allow-scripts');
  frame.title = say('bertviz {made}', { made: content.made });
  frame.srcdoc = content.document;
  place.replaceChildren(frame);
  made = { made: content.made, made_of: content.made_of };
}

function draw() {
  if (!props.value) return;
  payload = props.value;
  const missing = element.querySelector('.ts-unavailable');
  missing.hidden = !payload.unavailable;
  missing.textContent = payload.unavailable || '';
  for (const part of ['.ts-bertviz-bar', '.ts-bertviz-says', '.ts-bertviz-frame']) {
    element.querySelector(part).hidden = Boolean(payload.unavailable);
  }
  if (payload.unavailable) return;
  if (!size.options.length) {
    size.replaceChildren(...payload.sizes.map((count) => new Option(count)));
    size.value = 32;
  }
  if (payload.document) show(payload);
  drawChips();
  drawSize();
}

chips.addEventListener('click', (event) => {
  const layer = Number(event.target.closest('button')?.dataset.layer ?? NaN);
  if (Number.isNaN(layer)) return;
  if (chosen.has(layer)) chosen.delete(layer);
  else chosen.add(layer);
  for (const chip of chips.children) chip.setAttribute('aria-pressed', String(chosen.has(Number(chip.dataset.layer))));
  drawSize();
});
element.querySelector('[data-does="all"]').addEventListener('click', () => {
  payload.layers.forEach((layer) => chosen.add(layer));
  drawChips();
  drawSize();
});
kind.addEventListener('change', drawSize);
size.addEventListener('change', drawSize);
build.addEventListener('click', () => {
  tokenscope.act('build', { kind: kind.value, tokens: Number(size.value), layers: [...chosen].sort((a, b) => a - b) });
});
watch('value', draw);
draw();
