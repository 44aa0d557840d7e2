// The keyboard: Right steps, Left goes back, P plays and stops, Ctrl+Enter starts from the prompt; full stop and comma
// walk to the next stop and to the one before.
(() => {
  // Keys belong to what has the focus where it uses them itself: text, numbers, choices. Gradio's tabs do not.
  const OWN_KEYS = 'input, textarea, select, [contenteditable="true"], [role="listbox"], [role="slider"]';

  function onKey(event) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      document.activeElement?.blur(); // so that the next arrow key steps
      window.tokenscope.act('start');
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest?.(OWN_KEYS)) return;
    const held = event.repeat;
    if (event.key === 'ArrowRight') window.tokenscope.act('step', {}, { held });
    else if (event.key === 'ArrowLeft') window.tokenscope.act('back', {}, { held });
    else if (event.key === 'p' || event.key === 'P') {
      if (held) return;
      if (window.tokenscope.isPlaying()) window.tokenscope.stop();
      else window.tokenscope.act('play');
    } else if (event.key === '.' || event.key === ',') {
      window.dispatchEvent(new CustomEvent('tokenscope-walk', { detail: event.key === '.' ? 1 : -1 }));
    } else return;
    event.preventDefault();
  }

  document.addEventListener('keydown', onKey);
  // Gradio adds the head's scripts itself, before or after the document is ready.
  function ready() {
    window.tokenscope.restoreTheme();
    window.tokenscope.watchTheme();
  }
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', ready);
  else ready();
})();
