/**
 * What somebody typed as `lora_target_modules`: names of layers with commas between, `all-linear`, or a regular expression,
 * which is one text, whatever commas it has.
 */
export function parseTargetModules(text: string): string | readonly string[] {
  const typed = text.trim();
  if (typed === 'all-linear' || /[*+?()[\]{}|\\^$]/.test(typed)) return typed;
  return typed.split(',').map((word) => word.trim());
}
