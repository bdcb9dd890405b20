/** A number as text, with a true minus sign, which is as wide as the digits beside it. */
export function minus(number: string): string {
  return number.replace(/^-/, '−');
}

/** The same of a difference: one that is not below zero has a plus sign. */
export function signed(number: string): string {
  return number.startsWith('-') ? minus(number) : `+${number}`;
}
