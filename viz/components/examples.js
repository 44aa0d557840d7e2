// The example prompts: a native choice that goes back to its title after each pick, so that any can be picked again.
const select = element.querySelector('select');
const title = new Option(window.tokenscope.say('examples'), '');
select.append(title, ...(props.value || []).map((name, index) => new Option(name, index)));
// A closed choice would pick with every arrow key: the keys open it.
select.addEventListener('keydown', (event) => {
  if (!['ArrowUp', 'ArrowDown'].includes(event.key) || event.altKey) return;
  event.preventDefault();
  select.showPicker?.();
});
select.addEventListener('change', () => {
  if (select.value !== '') trigger('pick', { index: Number(select.value) });
  select.value = '';
  select.blur(); // so that the next arrow key steps
});
