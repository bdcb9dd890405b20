/** From head to head of a table by arrow keys, and down to its lines. The heads are buttons, one of which Tab comes to. */
export function moveAmongHeads(event: KeyboardEvent, heads: HTMLElement, lines: HTMLElement): void {
  const buttons = [...heads.querySelectorAll('button')];
  const at = buttons.indexOf(event.target as HTMLButtonElement);
  if (at < 0) return;
  if (event.key === 'ArrowDown') lines.focus();
  else if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
    const next = buttons[at + (event.key === 'ArrowRight' ? 1 : -1)];
    if (next === undefined) return;
    buttons.forEach((button) => (button.tabIndex = button === next ? 0 : -1));
    next.focus();
  } else return;
  event.preventDefault();
}
