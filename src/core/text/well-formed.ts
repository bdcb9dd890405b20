/** Whether a text has no half of a surrogate pair. Node 20 has the method; the language's version here does not name it. */
export function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}
