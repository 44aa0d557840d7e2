// The switch for the first token: many heads rest on it, and hiding it shows what they do besides.
const { say } = window.tokenscope;
const select = element.querySelector('select');
const on = element.querySelector('.ts-sink-on');
const SHOWN = 3;

function draw() {
  if (!props.value) return;
  const { hide, tokens } = props.value;
  select.value = hide;
  on.hidden = hide === 'none';
  const names = tokens.slice(0, SHOWN).map(([position, label]) => `“${label}” (${position})`).join(', ');
  on.textContent = tokens.length > SHOWN
    ? say('hidden in every picture of attention: {tokens} and {count} more', { tokens: names, count: tokens.length - SHOWN })
    : say('hidden in every picture of attention: {tokens}', { tokens: names });
}

select.addEventListener('change', () => window.tokenscope.act('hide', { hide: select.value }));
watch('value', draw);
draw();
