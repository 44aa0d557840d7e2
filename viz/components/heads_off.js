// The bar that says which heads are off and what is steered, in sight of every panel; each can be opened or taken back.
const { tokenscope } = window;
const { later, say, sayMany } = tokenscope;
const bar = element.querySelector('.ts-off');
const [heads, steered] = element.querySelectorAll('.ts-off-list');
const [headCount, steerCount] = ['.ts-off-count', '.ts-steer-count'].map((name) => element.querySelector(name));

const WAYS = { zero: later('zero'), mean: later('mean') };

function chip({ text, title, back, data }) {
  const part = document.createElement('span');
  part.className = 'ts-off-head';
  const [open, on] = [document.createElement('button'), document.createElement('button')];
  for (const button of [open, on]) {
    button.type = 'button';
    Object.assign(button.dataset, data);
  }
  open.className = 'ts-chip ts-open';
  open.textContent = text;
  open.title = title;
  on.className = 'ts-chip ts-on';
  on.textContent = '×';
  on.setAttribute('aria-label', back);
  part.append(open, on);
  return part;
}

function headChip([layer, head, by]) {
  const name = `L${layer} H${head}`;
  const way = say(WAYS[by]);
  return chip({ text: `${name} ${way}`, title: say('open this head'), back: say('switch {head} on again', { head: name }), data: { layer, head, by } });
}

function steerChip({ layer, strength, name, about }, steer) {
  const text = say('stream {layer} {sign} {strength} × ({name})', { layer, sign: strength < 0 ? '−' : '+', strength: Math.abs(strength), name });
  return chip({ text, title: about, back: say('take the steering of stream {layer} by {name} back', { layer, name }), data: { steer } });
}

function draw() {
  if (!props.value) return;
  const { off, steers } = props.value;
  bar.hidden = off.length + steers.length === 0;
  headCount.hidden = off.length === 0;
  headCount.textContent = sayMany('{count} head off:', '{count} heads off:', off.length);
  heads.replaceChildren(...off.map(headChip));
  steerCount.hidden = steers.length === 0;
  steerCount.textContent = say('steered:');
  steered.replaceChildren(...steers.map(steerChip));
}

function click({ classList, dataset: { layer, head, by, steer } }) {
  const back = classList.contains('ts-on');
  if (classList.contains('ts-restore')) tokenscope.act('restore');
  else if (steer === undefined) tokenscope.act(back ? 'switch' : 'open_head', { layer: Number(layer), head: Number(head), by });
  else if (back) tokenscope.act('unsteer', { index: Number(steer) });
  else tokenscope.act('tab', { tab: 'steering' });
}

bar.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button) click(button);
});

watch('value', draw);
draw();
