// What is chosen inside the tabs and concerns the page alone: an order, a filter, the settings of a question that was not
// asked yet. It travels with the view, so that a link, a reload and the browser's Back bring it back. What the view holds
// by itself (cursor, head, window, target and the like) is not among them.
(() => {
  const { tokenscope } = window;
  const MOST = 1_000; // characters of a text
  const SETTLED = 150; // milliseconds until an answer may be drawn
  const MOST_TRIES = 60; // to set what belongs to the open tab; another tab's waits until that is opened

  // name -> the control. Each redraws its own tab when it changes, and sends nothing but a search of the vocabulary.
  const CONTROLS = {
    'ablation.by': '#ablation .ts-by',
    'ablation.target': '#ablation .ts-target',
    'beams.dropped': '#beams .ts-show-dropped',
    'beams.penalty': '#beams .ts-beam-penalty',
    'beams.steps': '#beams .ts-beam-steps',
    'beams.width': '#beams .ts-beam-width',
    'bertviz.kind': '#bertviz .ts-kind',
    'bertviz.tokens': '#bertviz .ts-tokens-shown',
    'cache.tokens': '#cache .ts-cache-tokens',
    'cache.window': '#cache .ts-cache-window select',
    'choosing.axis': '#choosing .ts-axis',
    'compare.colour': '#compare .ts-colour-by',
    'compare.heads': '#compare .ts-set label select',
    'compare.method': '#compare .ts-set > select',
    'heads.label': '#head-table .ts-filter',
    'inputs.method': '#inputs .ts-method',
    'inputs.steps': '#inputs .ts-input-steps select',
    'masks.reach': '#masks .ts-mask-reach',
    'masks.rounds': '#masks .ts-mask-rounds',
    'parts.following': '#prompt-parts .ts-following',
    'parts.rest': '#prompt-parts .ts-rest-out',
    'patching.first': '#patching .ts-patch-first',
    'patching.part': '#patching .ts-patch-part',
    'patching.second': '#patching .ts-patch-second',
    'positions.distance': '#positions .ts-distance',
    'positions.first': '#positions .ts-first-text',
    'positions.move': '#positions .ts-move',
    'positions.second': '#positions .ts-second-text',
    'steering.start': '#steering .ts-steer-start',
    'steering.strength': '#steering .ts-steer-number',
    'tokenizer.cut': '#tokenizer .ts-cut-text',
    'tokenizer.from': '#tokenizer .ts-search-id',
    'tokenizer.kind': '#tokenizer .ts-search-kind',
    'tokenizer.match': '#tokenizer .ts-search-match',
    'tokenizer.name': '#tokenizer .ts-cut-name',
    'tokenizer.search': '#tokenizer .ts-search-text',
  };
  // name -> the field of `data-` that tells one button of a group from the next; one of them is pressed.
  const GROUPS = {
    'contributions.only': ['#contributions', 'only'],
    'contributions.order': ['#contributions', 'order'],
    'parts.rows': ['#prompt-parts', 'rows'],
    'residual.grid': ['#residual', 'grid'],
    'residual.pairs': ['#residual', 'pairs'],
  };
  const SORTS = { 'heads.sort': '#head-table thead' };

  const chosen = new Map(); // what stands otherwise than the page has it at first
  const first = new Map(); // what each stood at before it was changed
  const pending = new Map(); // what is to be set as soon as its tab is drawn
  let setting = false; // whether a change is ours

  const buttons = ([root, field]) => [...document.querySelectorAll(`${root} button[data-${field}]`)];
  const valueOf = (control) => (control.type === 'checkbox' ? String(control.checked) : control.value);
  const NAMES = [...Object.keys(CONTROLS), ...Object.keys(GROUPS), ...Object.keys(SORTS)];

  function read(name) {
    if (name in CONTROLS) {
      const control = document.querySelector(CONTROLS[name]);
      return control && valueOf(control);
    }
    if (name in GROUPS) return buttons(GROUPS[name]).find((button) => button.getAttribute('aria-pressed') === 'true')?.dataset[GROUPS[name][1]] ?? null;
    const cell = document.querySelector(`${SORTS[name]} th:is([aria-sort=ascending], [aria-sort=descending])`);
    return cell && `${cell.querySelector('button').dataset.column} ${cell.getAttribute('aria-sort')}`;
  }

  /** Sets a choice where its tab is drawn and knows it; the answer is whether it did. */
  function write(name, text) {
    if (name in CONTROLS) {
      const control = document.querySelector(CONTROLS[name]);
      if (!control?.closest('.ts-tab-panel')?.offsetParent) return false;
      if (control.localName === 'select' && ![...control.options].some((option) => option.value === text)) return false;
      if (control.type === 'checkbox') control.checked = text === 'true';
      else control.value = text;
      for (const event of ['input', 'change']) control.dispatchEvent(new Event(event, { bubbles: true }));
    } else if (name in GROUPS) {
      const button = buttons(GROUPS[name]).find((one) => one.dataset[GROUPS[name][1]] === text);
      if (!button?.closest('.ts-tab-panel')?.offsetParent) return false;
      if (read(name) !== text) button.click();
    } else {
      const [column] = text.split(' ');
      const button = document.querySelector(`${SORTS[name]} button[data-column="${CSS.escape(column)}"]`);
      if (!button?.closest('.ts-tab-panel')?.offsetParent) return false;
      for (let press = 0; press < 2 && read(name) !== text; press += 1) button.click();
    }
    return read(name) === text;
  }

  function nameOf(target) {
    return NAMES.find((name) => {
      if (name in CONTROLS) return target.matches(CONTROLS[name]);
      if (name in GROUPS) return target.closest(`${GROUPS[name][0]} button[data-${GROUPS[name][1]}]`);
      return target.closest(`${SORTS[name]} button`);
    });
  }

  function note(name) {
    const text = read(name);
    if (text === null || text.length > MOST) return;
    if (text === first.get(name)) chosen.delete(name);
    else chosen.set(name, text);
    pending.delete(name);
    tokenscope.chosen();
  }

  const remember = ({ target }) => {
    const name = target.nodeType === Node.ELEMENT_NODE && nameOf(target);
    if (name && !first.has(name)) first.set(name, read(name));
  };
  const changed = ({ target }) => {
    const name = !setting && target.nodeType === Node.ELEMENT_NODE && nameOf(target);
    if (name) setTimeout(() => note(name)); // after the tab has drawn it
  };
  for (const event of ['focusin', 'pointerdown', 'click', 'input']) document.addEventListener(event, remember, true);
  document.addEventListener('change', changed);
  document.addEventListener('click', (event) => {
    if (event.target.closest('button')) changed(event);
  });

  const isOpen = (name) => document.querySelector(CONTROLS[name] ?? GROUPS[name]?.[0] ?? SORTS[name])?.closest('.ts-tab-panel')?.offsetParent;

  function settle(tries) {
    setting = true;
    for (const [name, text] of pending) {
      if (!first.has(name) && read(name) !== null) first.set(name, read(name));
      if (write(name, text)) pending.delete(name);
    }
    setting = false;
    if (tries < MOST_TRIES && [...pending.keys()].some(isOpen)) setTimeout(settle, SETTLED, tries + 1);
  }

  /** Whether a control's value is such a choice. */
  tokenscope.isChoice = (control) => Boolean(nameOf(control));

  /** A view with what is chosen in the tabs; null stays null. */
  tokenscope.withChoices = (view) => view && { ...view, choices: Object.fromEntries([...chosen].sort(([one], [other]) => (one < other ? -1 : 1))) };

  /** Takes over what was chosen in a view that came from elsewhere; what is not in it goes back to what it was at first. */
  tokenscope.choose = function choose(choices) {
    for (const name of chosen.keys()) if (!(name in choices) && first.has(name)) pending.set(name, first.get(name));
    chosen.clear();
    for (const [name, text] of Object.entries(choices)) {
      if (!NAMES.includes(name)) continue;
      chosen.set(name, text);
      pending.set(name, text);
    }
  };

  tokenscope.onView(() => { if (pending.size) setTimeout(settle, SETTLED, 0); });
})();
