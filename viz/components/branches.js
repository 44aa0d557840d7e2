// The branch list: a button a line of text; the first is the main one.
const list = element.querySelector('.ts-branch-list');

function draw() {
  if (!props.value) return;
  const { names, current, previews } = props.value;
  element.querySelector('.ts-branches').hidden = names.length < 2;
  list.replaceChildren(...names.map((name, index) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'ts-chip';
    button.dataset.branch = index;
    button.textContent = name;
    button.title = previews[index];
    button.setAttribute('aria-pressed', String(index === current));
    return button;
  }));
}

list.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (button) window.tokenscope.act('branch', { index: Number(button.dataset.branch) });
});

watch('value', draw);
draw();
