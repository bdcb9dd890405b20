import { numbersText, optionChoices, optionKind, type OptionPath, parseNumbers, parseTargetModules } from '../../core/options/index.js';
import { formatOption } from '../../format.js';

/** The value of an option as the text of its field: {@link parseText} reads it. */
export function textOf(value: unknown, option: OptionPath): string {
  if (optionKind(option) === 'numbers') return numbersText(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string' || typeof value === 'number') return formatOption(value);
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.map(String).join(', ');
  return JSON.stringify(value);
}

/** What somebody typed, as far as it is what the option wants: else the text itself, for the message. */
export function parseText(option: OptionPath, text: string): unknown {
  const typed = text.trim();
  switch (optionKind(option)) {
    case 'number':
      return numberOr(typed);
    case 'numbers':
      return parseNumbers(typed);
    case 'flag':
      return typed === 'true' ? true : typed === 'false' ? false : typed;
    case 'list':
      return parseList(option, typed);
    case 'map':
      return typed === '' ? {} : parseJson(typed);
    default:
      return typed;
  }
}

function parseList(option: OptionPath, typed: string): unknown {
  if (typed.startsWith('[') || typed.startsWith('{')) return parseJson(typed);
  if (option === 'training.lora_target_modules') return parseTargetModules(typed);
  const words = typed === '' ? [] : typed.split(',').map((word) => word.trim());
  if (optionChoices(option) === undefined) return words.map(numberOr);
  return words.length === 1 ? words[0] : words;
}

/** The text itself when it is no JSON. */
function parseJson(typed: string): unknown {
  try {
    return JSON.parse(typed) as unknown;
  } catch {
    return typed;
  }
}

function numberOr(text: string): number | string {
  const number = Number(text);
  return text === '' || Number.isNaN(number) ? text : number;
}
