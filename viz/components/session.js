// The session: holds the view, sends actions with it one by one, and learns from each answer that the next may go.
const { tokenscope } = window;
let last = { name: 'open', detail: {} }; // the action that is answered
let answers = 0; // to it, so far
let arriving = true; // whether the view that is waited for comes from elsewhere: a link, a file, the time before a reload

tokenscope.connect({
  send(action) {
    [last, answers] = [action, 0];
    arriving ||= action.name === 'revisit';
    const detail = { name: action.name, detail: action.detail, view: this.view() };
    if (action.name === 'play') trigger('play', detail);
    else if (action.name === 'scan') {
      tokenscope.questions[action.detail.what] = action.detail;
      trigger('scan', detail);
    } else trigger('act', detail);
  },
  view() {
    return tokenscope.withChoices(props.value?.view ?? null);
  },
  /** What is being answered, and how often it has been answered already. */
  underWay() {
    return { ...last, answers };
  },
  stop() {
    trigger('stop', {});
  },
});

watch('value', () => {
  const value = props.value;
  if (!value) return;
  if (value.view) {
    const { more, filled } = value;
    if (arriving && !value.follows) {
      arriving = false;
      tokenscope.choose(value.view.choices);
    }
    tokenscope.keep(tokenscope.withChoices(value.view), { name: last.name, goesOn: answers > 0 || last.held, more, filled });
    tokenscope.viewed(value.view);
  }
  answers += 1;
  if (value.ticket) { // the answer takes long: it is followed, and can be stopped
    tokenscope.following();
    trigger('follow', { name: 'follow', detail: { ticket: value.ticket }, view: value.view });
  }
  if (!value.follows) document.body.dataset.turn = value.turn;
  tokenscope.answered(value.more);
  if (value.arriving) tokenscope.arrive(value.arriving);
});
