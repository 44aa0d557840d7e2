// The bar that says which heads are off, in sight of every panel: each can be opened or switched on again.
const { tokenscope } = window;
const bar = element.querySelector('.ts-off');
const list = element.querySelector('.ts-off-list');

function chip(layer, head, by) {
  const part = document.createElement('span');
  part.className = 'ts-off-head';
  const [open, on] = [document.createElement('button'), document.createElement('button')];
  for (const button of [open, on]) {
    button.type = 'button';
    Object.assign(button.dataset, { layer, head, by });
  }
  open.className = 'ts-chip ts-open';
  open.textContent = `L${layer} H${head} ${by}`;
  open.title = 'open this head';
  on.className = 'ts-chip ts-on';
  on.textContent = '×';
  on.setAttribute('aria-label', `switch L${layer} H${head} on again`);
  part.append(open, on);
  return part;
}

function draw() {
  if (!props.value) return;
  const { off } = props.value;
  bar.hidden = off.length === 0;
  element.querySelector('.ts-off-count').textContent = off.length === 1 ? '1 head off:' : `${off.length} heads off:`;
  list.replaceChildren(...off.map(([layer, head, by]) => chip(layer, head, by)));
}

bar.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.classList.contains('ts-restore')) {
    tokenscope.act('restore');
    return;
  }
  const { layer, head, by } = button.dataset;
  tokenscope.act(button.classList.contains('ts-on') ? 'switch' : 'open_head', { layer: Number(layer), head: Number(head), by });
});

watch('value', draw);
draw();
