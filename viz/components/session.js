// The session: holds the view, sends actions with it one by one, and learns from each answer that the next may go.
const { tokenscope } = window;

tokenscope.connect({
  send(action) {
    const detail = { name: action.name, detail: action.detail, view: props.value?.view ?? null };
    if (action.name === 'play') trigger('play', detail);
    else if (action.name === 'scan') trigger('scan', detail);
    else trigger('act', detail);
  },
  view() {
    return props.value?.view ?? null;
  },
  stop() {
    trigger('stop', {});
  },
});

watch('value', () => {
  const value = props.value;
  if (!value) return;
  if (value.view) {
    tokenscope.save(value.view);
    tokenscope.viewed(value.view);
  }
  if (value.ticket) { // the answer takes long: it is followed, and can be stopped
    tokenscope.following();
    trigger('follow', { name: 'follow', detail: { ticket: value.ticket }, view: value.view });
  }
  if (!value.follows) document.body.dataset.turn = value.turn;
  tokenscope.answered(value.more);
});
