// What a test asks of a part of the page: names of its pictures, sideways scrolling, covered controls, and whether the
// keyboard reaches all that a mouse can press, and shows where it stands. `instead`: what a mouse can press and the
// keyboard has another way to; `kinds`: what is asked.
([selector, instead, kinds]) => {
  const root = document.querySelector(selector);
  const shown = (node) => node.checkVisibility({ visibilityProperty: true }) && node.getBoundingClientRect().width > 1;
  const where = (node) => {
    const host = node.closest('[id]');
    return `${host ? `#${host.id} ` : ''}${node.localName}.${node.getAttribute('class') ?? ''}`;
  };
  const TELLS = '[role="img"], [role="slider"], [role="group"], [role="button"], button, label, summary';
  const nameOf = (node) => ['aria-label', 'aria-valuetext'].map((name) => node.getAttribute(name) ?? '').join(' ').trim()
    || (node.matches('[role="img"], [role="slider"], [role="group"]') ? '' : node.textContent.trim());

  // A picture is told by the nearest element that has a role for it; a decoration stands inside a control or text that
  // says the same, and is hidden itself. What tells a picture of its own tells its numbers as well.
  function untold() {
    const pictures = [...root.querySelectorAll('canvas, svg, [role="img"]')].filter((node) => shown(node)
      && !node.parentElement.closest('svg, [role="img"]'));
    return pictures.flatMap((node) => {
      const box = node.getBoundingClientRect();
      const teller = node.closest(TELLS);
      const name = teller ? nameOf(teller) : '';
      if (box.width < 40 && box.height < 40) { // a sign in a line of text
        return node.closest('[aria-hidden="true"]') || name ? [] : [`${where(node)}: a sign that is neither hidden nor named`];
      }
      if (!name) return [`${where(node)}: no name`];
      return /\d/.test(name) ? [] : [`${where(node)}: no number in “${name}”`];
    });
  }

  function sideways() {
    const { scrollWidth } = document.scrollingElement;
    if (scrollWidth <= innerWidth) return [];
    const wide = [...document.querySelectorAll('body *')].filter((node) => shown(node) && node.getBoundingClientRect().right > innerWidth + 1);
    return [`the page is ${scrollWidth} wide in ${innerWidth}: ${wide.slice(0, 3).map(where).join(', ')}`];
  }

  // A control whose middle belongs to something else, when it is in sight, cannot be touched there.
  function covered() {
    const controls = [...root.querySelectorAll('button, select, textarea, summary, input')].filter((node) => shown(node));
    const told = controls.flatMap((node) => {
      node.scrollIntoView({ block: 'center', inline: 'center' });
      const box = node.getBoundingClientRect();
      const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
      const there = document.elementFromPoint(x, y);
      const own = node.closest('label') ?? node;
      if (!there || own.contains(there) || there.contains(node)) return [];
      return [`${where(node)} “${(node.textContent || node.value || '').trim().slice(0, 20)}” lies under ${where(there)}`];
    });
    for (const node of root.querySelectorAll('*')) node.scrollTo(0, 0); // as they were
    return told;
  }

  const CONTROLS = 'button, a[href], input, select, textarea, summary, [role="button"], [role="slider"], [role="option"]';
  const WALKED = '[role="group"], [role="radiogroup"], [role="slider"], svg';
  const reached = (node) => node.tabIndex >= 0 && !node.disabled;

  // Of a group that is walked through by arrow keys, one has the focus for all.
  function unreached() {
    const pressed = [...root.querySelectorAll('*')].filter((node) => shown(node) && (node.matches(CONTROLS)
      || (getComputedStyle(node).cursor === 'pointer' && getComputedStyle(node.parentElement).cursor !== 'pointer')));
    return pressed.flatMap((node) => {
      const control = node.closest(`${CONTROLS}, label`) ?? node;
      if (node.disabled || control.disabled || node.matches(instead) || node.closest(instead)) return [];
      if (reached(control) || control.matches('label') || control.querySelector('[tabindex="0"]')) return [];
      for (let group = control.parentElement.closest(WALKED); group; group = group.parentElement.closest(WALKED)) {
        if (reached(group) || group.querySelector('[tabindex="0"]')) return [];
      }
      return [`${where(node)} “${node.textContent.trim().slice(0, 20)}” is for a mouse alone`];
    });
  }

  // Of a mark in a drawing, whose outline would grow with it: the line around its shape.
  function edgeOf(node) {
    const { stroke, strokeWidth } = getComputedStyle(node.matches('g') ? node.firstElementChild : node);
    return `${stroke} ${strokeWidth}`;
  }

  // The last thing that was pressed is a key, so the browser shows the focus wherever it is put.
  function unseen() {
    const before = document.activeElement;
    before?.blur?.();
    const told = [...root.querySelectorAll(`${CONTROLS}, [tabindex="0"]`)].filter((node) => shown(node) && reached(node)).flatMap((node) => {
      const edge = edgeOf(node);
      node.focus({ preventScroll: true });
      if (document.activeElement !== node) return [`${where(node)} does not take the focus`];
      const { outlineStyle, outlineWidth } = getComputedStyle(node);
      const changes = node.closest('svg') && edgeOf(node) !== edge;
      return changes || (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) ? [] : [`${where(node)} does not show that it has the focus`];
    });
    before?.focus?.({ preventScroll: true });
    return told;
  }

  const checks = { untold, sideways, covered, unreached, unseen };
  return Object.fromEntries(kinds.map((kind) => [kind, checks[kind]()]));
}
