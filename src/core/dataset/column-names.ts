// What the names of columns tell. Datasets call the same thing by many names; the words in a name are looked at.

/** Parts that a prompt is made of. */
const promptWords = words(
  'prompt question query instruction instructions input inputs problem user human request utterance message messages',
  'context contexts passage background premise article post title body story snippet',
  'history conversation conversations dialogue dialog chat turns',
);
/** Those that come beside a question rather than being one. */
const contextWords = words('context contexts passage background premise article body story snippet input inputs');
const historyWords = words('history conversation conversations dialogue dialog chat turns messages');
const systemWords = words('system sys persona');

/** Last words of names that say something about a row, not what it says. */
const aboutWords = words(
  'id ids uuid guid key hash sha md5 idx index number num no count length len size tokens token words chars',
  'score scores rating ratings rank ranks reward rewards margin weight weights logp logps logprob logprobs prob confidence',
  'model models name names source sources dataset datasets subset split origin author annotator annotators worker',
  'meta metadata info extra tag tags category categories type types kind label labels lang language languages topic topics',
  'domain task tasks difficulty level url urls link path file date time timestamp created updated version status order',
  'license turn round flag flags is has train test correct preference winner ids mask',
);
/** Words of names that stand for what somebody or something made of the prompt, or how a row came to be. */
const madeWords = words(
  'response responses answer answers completion completions output outputs generation generations generated reply replies',
  'chosen rejected rationale reason reasons reasoning explanation critique feedback comment comments note notes review',
  'raw original labelling labeling label judge judgement judgment eval evaluation annotation solution translation summary',
);

const mediaWords = words('image images img imgs picture pictures photo photos video videos audio audios pixel pixels frames');
const mediaPlaces = words('path paths url urls uri uris file files values bytes');

function words(...lists: readonly string[]): ReadonlySet<string> {
  return new Set(lists.flatMap((list) => list.split(' ')));
}

/** `systemPrompt`, `system-prompt` and `System Prompt` are `system`, `prompt`. */
function wordsOf(name: string): string[] {
  return name
    .replace(/(\p{Ll}|\d)(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

const some = (of: readonly string[], set: ReadonlySet<string>): boolean => of.some((word) => set.has(word));

/** What a column holds by its name: `none` for a name that tells nothing. */
export type ColumnMeaning = 'system' | 'context' | 'history' | 'question' | 'media' | 'about' | 'none';

export function meaningOf(name: string): ColumnMeaning {
  const all = wordsOf(name);
  const last = all.at(-1) ?? '';
  if (mediaWords.has(last) || (some(all, mediaWords) && mediaPlaces.has(last))) return 'media';
  if (aboutWords.has(last) || some(all, madeWords)) return 'about';
  if (some(all, systemWords)) return 'system';
  if (!some(all, promptWords)) return 'none';
  if (some(all, historyWords)) return 'history';
  return some(all, contextWords) ? 'context' : 'question';
}

/** How surely a column with a question's name is the question: less is surer. */
export function questionRank(name: string): number {
  const order = ['question', 'prompt', 'query', 'instruction', 'instructions', 'problem', 'input', 'inputs', 'request', 'user', 'human'];
  const ranks = wordsOf(name)
    .map((word) => order.indexOf(word))
    .filter((rank) => rank >= 0);
  return ranks.length === 0 ? order.length : Math.min(...ranks);
}
