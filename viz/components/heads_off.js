// The bar that says which heads are off and what is steered, in sight of every panel; each can be opened or taken back.
const { tokenscope } = window;
const bar = element.querySelector('.ts-off');
const [heads, steered] = element.querySelectorAll('.ts-off-list');
const [headCount, steerCount] = ['.ts-off-count', '.ts-steer-count'].map((name) => element.querySelector(name));

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
  return chip({ text: `${name} ${by}`, title: 'open this head', back: `switch ${name} on again`, data: { layer, head, by } });
}

function steerChip({ layer, strength, name, about }, steer) {
  const text = `stream ${layer} + ${strength} × (${name})`.replace('+ -', '− ');
  return chip({ text, title: about, back: `take the steering of stream ${layer} by ${name} back`, data: { steer } });
}

function draw() {
  if (!props.value) return;
  const { off, steers } = props.value;
  bar.hidden = off.length + steers.length === 0;
  headCount.hidden = off.length === 0;
  headCount.textContent = off.length === 1 ? '1 head off:' : `${off.length} heads off:`;
  heads.replaceChildren(...off.map(headChip));
  steerCount.hidden = steers.length === 0;
  steerCount.textContent = 'steered:';
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
