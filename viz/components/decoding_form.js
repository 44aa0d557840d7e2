// The decoding settings: every change is sent at once; what the server refuses stays in its field until it is mended.
const { tokenscope } = window;
const form = element.querySelector('form');
const summary = element.querySelector('.ts-summary');
const details = element.querySelector('details');

function draw() {
  if (!props.value) return;
  summary.textContent = props.value.summary;
  for (const [name, value] of Object.entries(props.value.settings)) {
    const field = form.elements[name];
    if (field && document.activeElement !== field) field.value = value;
  }
}

form.addEventListener('change', () => {
  tokenscope.act('decode', Object.fromEntries(new FormData(form)));
});
form.addEventListener('submit', (event) => event.preventDefault());
form.addEventListener('reset', (event) => {
  event.preventDefault();
  tokenscope.act('decode', {});
});

window.addEventListener('tokenscope-error', ({ detail }) => {
  const error = form.querySelector('.ts-form-error');
  error.textContent = detail.at === 'decoding' ? detail.words : '';
  error.hidden = error.textContent === '';
});

// A popover closes when one clicks beside it or presses Escape.
document.addEventListener('click', (event) => {
  if (!details.contains(event.target)) details.open = false;
});
details.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || !details.open) return;
  event.preventDefault();
  details.open = false;
  details.querySelector('summary').focus();
});

watch('value', draw);
draw();
