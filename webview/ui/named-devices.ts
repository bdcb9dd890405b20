/** The numbers in a list of devices; none in `auto`, or in how many there shall be. */
export function namedDevices(text: string): readonly string[] {
  const typed = text.trim();
  if (!typed.includes(',') && !typed.startsWith('[')) return [];
  return typed
    .replace(/^\[|\]$/g, '')
    .split(',')
    .map((item) => item.trim());
}
