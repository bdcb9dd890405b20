import { PipelineError } from './normalized-string.js';
import type { JsonField } from './json.js';

/** What is around a text, and the text's place: ids and `'text'`. */
export type Frame = readonly (number | 'text')[];

/** Puts special tokens around a text (`processors` of the Rust library). Several frames stand side by side. */
export type PostProcessor = (frames: readonly Frame[], addsSpecial: boolean) => Frame[];

/** @throws TokenizerJsonError for what is no post-processor */
export function readPostProcessor(json: JsonField): PostProcessor {
  const type = json.get('type').text;
  switch (type) {
    case 'Sequence': {
      const all = json.get('processors').items.map(readPostProcessor);
      return (frames, addsSpecial) => all.reduce<Frame[]>((now, process) => process(now, addsSpecial), [...frames]);
    }
    case 'ByteLevel':
      return (frames) => [...frames];
    case 'TemplateProcessing':
      return template(json);
    case 'BertProcessing': {
      const { sep, cls } = separators(json);
      return (frames, addsSpecial) =>
        frames.map((frame, index) => (!addsSpecial ? frame : index === 0 ? [cls, ...frame, sep] : [...frame, sep]));
    }
    case 'RobertaProcessing': {
      const { sep, cls } = separators(json);
      return (frames, addsSpecial) => frames.map((frame, index) => (addsSpecial ? [index === 0 ? cls : sep, ...frame, sep] : frame));
    }
    default:
      throw json.get('type').error(`there is no post-processor "${type}"`);
  }
}

function separators(json: JsonField): { readonly sep: number; readonly cls: number } {
  const id = (key: string): number => {
    const [token, number] = json.get(key).items;
    if (token === undefined || number === undefined) throw json.get(key).error('it must be a token and its id');
    void token.text;
    return number.count;
  };
  return { sep: id('sep'), cls: id('cls') };
}

function template(json: JsonField): PostProcessor {
  const special = json.get('special_tokens');
  const pieces = json.get('single').items.map((piece): Frame | 'text' | 'pair' => {
    const token = piece.get('SpecialToken');
    if (!token.isGiven) return piece.get('Sequence').get('id').oneOf(['A', 'B']) === 'A' ? 'text' : 'pair';
    const entry = special.get(token.get('id').text);
    if (!entry.isGiven) throw token.get('id').error('"special_tokens" beside it has no such token');
    return entry.get('ids').items.map((id) => id.count);
  });
  json.get('pair').array;
  return (frames, addsSpecial) => {
    if (frames.length !== 1) throw new PipelineError('a template comes after a post-processor that made several texts');
    const result: Frame[] = [];
    for (const piece of pieces) {
      if (piece === 'pair') throw new PipelineError('the template for one text asks for a second one ($B)');
      if (piece === 'text') result.push(frames[0] as Frame);
      else if (addsSpecial) result.push(piece);
    }
    return result;
  };
}
