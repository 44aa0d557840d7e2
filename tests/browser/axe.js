// What axe-core finds of serious or critical impact in a part of the page, less what is allowed there.
async ([panel, rules, scrolled, tokens]) => {
  const allowed = { 'scrollable-region-focusable': scrolled, 'target-size': tokens };
  const { violations } = await axe.run(panel, { ...rules, resultTypes: ['violations'] });
  const isAllowed = (id, { target }) => id in allowed && document.querySelector(target.at(-1)).matches(allowed[id]);
  return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).flatMap(({ id, nodes }) => nodes
    .filter((node) => !isAllowed(id, node))
    .map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`));
}
