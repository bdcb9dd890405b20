import { REBUILDERS, type ClassName } from './classes.js';

type Json = Readonly<Record<string, unknown>>;

/** What AutoTokenizer makes of a folder: its tokenizer.json as it stands, or one that a class builds of its vocabulary. */
export type TokenizerClass =
  | { readonly kind: 'as it stands' }
  | { readonly kind: 'rebuilt'; readonly name: ClassName }
  /** Built anew by a class that is not known here. */
  | { readonly kind: 'unknown'; readonly name: string };

/** transformers' own class for a type of model, where it has one that is not `TokenizersBackend`. */
const CLASS_OF_MODEL: Readonly<Record<string, ClassName>> = {
  bert: 'BertTokenizer',
  cohere: 'CohereTokenizer',
  cohere2: 'CohereTokenizer',
  gemma: 'GemmaTokenizer',
  gemma2: 'GemmaTokenizer',
  gemma3: 'GemmaTokenizer',
  gemma3_text: 'GemmaTokenizer',
  gemma3n: 'GemmaTokenizer',
  gemma3n_text: 'GemmaTokenizer',
  gpt2: 'GPT2Tokenizer',
  gpt_neo: 'GPT2Tokenizer',
  gpt_neox: 'GPTNeoXTokenizer',
  olmo: 'GPTNeoXTokenizer',
  olmoe: 'GPTNeoXTokenizer',
  opt: 'GPT2Tokenizer',
  phi: 'GPT2Tokenizer',
  qwen2: 'Qwen2Tokenizer',
  qwen2_moe: 'Qwen2Tokenizer',
  qwen2_vl: 'Qwen2Tokenizer',
  qwen2_5_vl: 'Qwen2Tokenizer',
  qwen3: 'Qwen2Tokenizer',
  qwen3_moe: 'Qwen2Tokenizer',
  qwen3_next: 'Qwen2Tokenizer',
  qwen3_vl: 'Qwen2Tokenizer',
  qwen3_5: 'Qwen3_5Tokenizer',
  qwen3_5_text: 'Qwen3_5Tokenizer',
  roberta: 'RobertaTokenizer',
  starcoder2: 'GPT2Tokenizer',
  t5: 'T5Tokenizer',
};

/** Types of models whose class is `TokenizersBackend`, whatever their folders say. */
const ALWAYS_AS_IT_STANDS: ReadonlySet<string> = new Set([
  ...['mistral', 'mistral3', 'ministral', 'ministral3', 'mixtral', 'pixtral', 'voxtral'],
  ...['olmo2', 'olmo3', 'olmo_hybrid', 'granite', 'granitemoe', 'granitemoehybrid', 'granitemoeshared', 'stablelm', 'glm', 'glm4'],
  ...['phi3', 'phimoe', 'internlm2', 'internlm3', 'nemotron', 'minicpm3', 'jamba', 'arctic', 'ernie4_5', 'ernie4_5_moe'],
]);

/** Types of models whose folders are known to name a wrong class, so that the model's is taken. */
const MODEL_DECIDES: ReadonlySet<string> = new Set([
  ...['qwen2', 'qwen3_5', 'qwen3_5_moe', 'qwen3_5_moe_text', 'qwen4_exp', 'phi3', 'phimoe'],
]);

/** Other names of classes. */
const ALIASES: Readonly<Record<string, ClassName>> = {
  BartTokenizer: 'RobertaTokenizer',
  LEDTokenizer: 'RobertaTokenizer',
  LxmertTokenizer: 'BertTokenizer',
  MobileBertTokenizer: 'BertTokenizer',
  MvpTokenizer: 'RobertaTokenizer',
  Phi3Tokenizer: 'LlamaTokenizer',
  SqueezeBertTokenizer: 'BertTokenizer',
};

/** Classes of transformers that build their own pipeline, and that nothing here builds. */
const UNKNOWN_CLASSES: ReadonlySet<string> = new Set(
  (
    'Albert Barthez Bartpho BertGeneration BertJapanese Bertweet BigBird BioGpt Blenderbot BlenderbotSmall ByT5 CLIP CTRL ' +
    'Camembert Canine Clvp CodeGen ConvBert Cpm CpmAnt DPRContextEncoder DPRQuestionEncoder DPRReader Deberta DebertaV2 Dia ' +
    'DistilBert Esm Esmc FNet FSMT FastSpeech2Conformer Flaubert Funnel GPTNeoXJapanese GPTSw3 Herbert Lasr LayoutLMv2 ' +
    'LayoutLMv3 LayoutXLM Luke M2M100 MBart MBart50 MLuke MPNet Marian MarkupLM Mgpstr MyT5 Nllb Nougat OpenAIGPT PLBart ' +
    'Parakeet Pegasus Perceiver Phobert Pop2Piano ProphetNet Rag Reformer RemBert RoCBert RoFormer SeamlessM4T Siglip Siglip2 ' +
    'Speech2Text SpeechT5 Splinter Tapas Tipsv2 Udop VideoPrism Vits Wav2Vec2CTC Wav2Vec2PhonemeCTC Whisper XGLM XLM XLNet'
  )
    .split(' ')
    .map((name) => `${name}Tokenizer`),
);

/**
 * The class that `AutoTokenizer.from_pretrained(folder)` of transformers 5 takes.
 *
 * @param config `tokenizer_config.json`
 * @param model `config.json`, where there is one
 * @param tokenizerText `tokenizer.json`
 */
export function tokenizerClass(config: Json, model: Json | undefined, tokenizerText: string): TokenizerClass {
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
  const type = text(model?.['model_type']);
  const declared = text(config['tokenizer_class']) ?? text(model?.['tokenizer_class']);
  const name = declared?.replace(/Fast$/, '');
  if (type !== undefined && ALWAYS_AS_IT_STANDS.has(type)) return { kind: 'as it stands' };
  const own = type === undefined ? undefined : CLASS_OF_MODEL[type];
  if (name === undefined) return own === undefined ? { kind: 'as it stands' } : { kind: 'rebuilt', name: own };
  // Llama's class writes spaces as characters, which tokenizers of bytes do not: such folders are taken as they stand.
  if (name === 'LlamaTokenizer' && !(type !== undefined && MODEL_DECIDES.has(type)) && tokenizerText.includes('"ByteLevel"')) {
    return { kind: 'as it stands' };
  }
  if (own !== undefined && own !== name && MODEL_DECIDES.has(type as string)) return { kind: 'rebuilt', name: own };
  return named(name);
}

function named(name: string): TokenizerClass {
  const known = ALIASES[name] ?? (name in REBUILDERS ? (name as ClassName) : undefined);
  if (known !== undefined) return { kind: 'rebuilt', name: known };
  return UNKNOWN_CLASSES.has(name) ? { kind: 'unknown', name } : { kind: 'as it stands' };
}
