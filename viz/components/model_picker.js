// The model picker: a text field that names the model that is shown. Opening it shows what is on offer and what each
// needs; any other name can be typed. The field goes back to the shown model at once: only a loaded model replaces it.
const { tokenscope } = window;
const { make, say } = tokenscope;
const find = (selector) => element.querySelector(selector);
const [field, panel, list, forms] = ['.ts-picker-name', '.ts-picker-panel', '.ts-offers', '.ts-name-forms'].map(find);
const [precision, meaning, room] = ['.ts-precision', '.ts-precision-meaning', '.ts-room'].map(find);
const known = { offers: [], precisions: [], forms: [], shown: '', revision: '', precision: 'auto', any: true };
let active = -1; // the offer that the arrow keys stand on

const titleOf = (name) => known.offers.find((offer) => offer.name === name)?.title ?? name;
const isOpen = () => !panel.hidden;

function draw() {
  if (props.value) Object.assign(known, { revision: '' }, props.value);
  if (!isOpen()) rest();
  field.title = known.revision ? say('{model} at commit {commit}', { model: known.shown, commit: known.revision }) : known.shown;
}

function rest() {
  field.value = titleOf(known.shown);
}

function drawOffers() {
  list.replaceChildren(...known.offers.map((offer, index) => {
    const option = make('div', 'ts-offer');
    option.id = `model-offer-${index}`;
    option.dataset.name = offer.name;
    option.setAttribute('role', 'option');
    option.setAttribute('aria-selected', String(offer.name === known.shown));
    make('span', 'ts-offer-title', option, offer.title);
    if (offer.name === known.shown) make('span', 'ts-offer-shown', option, say('shown now'));
    make('span', 'ts-offer-needs', option, offer.needs);
    option.addEventListener('click', () => choose(offer.name));
    return option;
  }));
  stand(-1);
}

function drawForms() {
  find('.ts-picker-hint').textContent = known.any
    ? say('Choose a model, or type the name of any other above.') : say('Choose a model.');
  forms.hidden = !known.any;
  forms.replaceChildren(...known.forms.flatMap(([example, what]) => [
    make('dt', '', undefined, example), make('dd', '', undefined, what),
  ]));
  precision.replaceChildren(...known.precisions.map(([name, title]) => new Option(title, name)));
  precision.closest('label').hidden = meaning.hidden = known.precisions.length < 2;
  precision.value = known.precision;
  explain();
}

function explain() {
  meaning.textContent = known.precisions.find(([name]) => name === precision.value)?.[2] ?? '';
}

async function drawRoom() {
  room.textContent = await server.room(null).catch(() => '');
}

function open(name = known.shown) {
  if (isOpen()) return;
  panel.hidden = false;
  field.setAttribute('aria-expanded', 'true');
  field.placeholder = known.any ? say('a Hugging Face id, or a path') : '';
  field.value = name;
  field.select();
  drawOffers();
  drawForms();
  drawRoom();
}

function close() {
  panel.hidden = true;
  field.setAttribute('aria-expanded', 'false');
  field.removeAttribute('aria-activedescendant');
  rest();
}

function stand(index) {
  active = index;
  for (const [at, option] of [...list.children].entries()) option.classList.toggle('ts-active', at === index);
  field.removeAttribute('aria-activedescendant');
  if (index < 0) return;
  field.setAttribute('aria-activedescendant', list.children[index].id);
  list.children[index].scrollIntoView({ block: 'nearest' });
  field.value = known.offers[index].name;
}

function choose(text) {
  const typed = text.trim();
  const name = known.offers.find((offer) => offer.title === typed)?.name ?? typed;
  const wanted = precision.value || 'auto';
  close();
  field.blur(); // so that the next arrow key steps
  if (!name || (name === known.shown && wanted === known.precision)) return;
  tokenscope.loadModel({ name, precision: wanted });
}

/** Opens the picker with a name to mend. */
tokenscope.openPicker = (name) => {
  field.focus();
  open(name);
};

field.addEventListener('click', () => open());
field.addEventListener('input', () => {
  if (!isOpen()) {
    const typed = field.value;
    open();
    field.value = typed;
  }
  stand(-1);
});
field.addEventListener('keydown', (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    if (!isOpen()) open();
    else stand((active + step + list.children.length) % list.children.length);
  } else if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) {
    if (isOpen()) choose(field.value);
    else open();
  } else return;
  event.preventDefault();
});
element.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || !isOpen()) return;
  event.preventDefault();
  close();
  field.focus();
});
document.addEventListener('click', (event) => {
  if (isOpen() && !element.contains(event.target)) close();
});
element.addEventListener('focusout', (event) => {
  if (isOpen() && event.relatedTarget && !element.contains(event.relatedTarget)) close();
});
precision.addEventListener('change', explain);
find('.ts-open-model').addEventListener('click', () => choose(field.value));

watch('value', draw);
draw();
field.readOnly = !known.any;
