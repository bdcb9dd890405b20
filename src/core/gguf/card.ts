/** What the card of a repository of GGUF files says. */
export interface GgufCard {
  readonly title: string;
  /** `org/name` */
  readonly repository: string;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** They are LoRA adapters. */
  readonly isAdapter: boolean;
  /** The repository of the model that they were made from. */
  readonly model: string | undefined;
  /** What that was trained from: `org/name`, or a name. */
  readonly base: string | undefined;
  /** More of it in Markdown, each part with its heading. */
  readonly parts: string;
}

/** A model card, with the head by which the hub lists the files and shows them below the model they were made from. */
export function ggufCard({ title, repository, files, isAdapter, model, base, parts }: GgufCard): string {
  // Files of a model that is not on the hub are not its quantised form, but one of what it was trained from.
  const [of, relation] = isAdapter ? [base ?? model, 'adapter'] : model === undefined ? [base, 'finetune'] : [model, 'quantized'];
  const head = [
    ...(of === undefined ? [] : [`base_model: ${JSON.stringify(of)}`, `base_model_relation: ${relation}`]),
    'library_name: gguf',
    'pipeline_tag: text-generation',
    'tags:',
    ...['gguf', 'llama-cpp', 'wishbone', 'preference-tuning', 'dpo', ...(isAdapter ? ['lora'] : [])].map((tag) => `- ${tag}`),
  ];
  const what = isAdapter ? 'LoRA adapters' : 'Files';
  const from =
    model === undefined
      ? base === undefined
        ? ''
        : ` of a model that was trained from \`${base}\``
      : ` of [${model}](https://huggingface.co/${model})`;
  const rows = files.map(({ name, bytes }) => `| [${name}](./${encodeURIComponent(name)}) | ${typeOf(name) ?? ''} | ${sizeText(bytes)} |`);
  return [
    `---\n${head.join('\n')}\n---\n`,
    `# ${title.replaceAll('\n', ' ')}, GGUF\n`,
    `${what} for llama.cpp and what is built on it${from}, written by Wishbone (preference tuning with prefix sharing).\n`,
    `| file | type | size |\n|---|---|---|\n${rows.join('\n')}\n`,
    ...(parts === '' ? [] : [`${parts.trimEnd()}\n`]),
    `## Use\n\n\`\`\`sh\n${uses(repository, files, isAdapter).join('\n')}\n\`\`\`\n`,
  ].join('\n');
}

function uses(repository: string, files: GgufCard['files'], isAdapter: boolean): string[] {
  const [first] = files;
  if (first === undefined) return [];
  const own = typeOf(first.name);
  if (isAdapter) return [`hf download ${repository} ${first.name} --local-dir .`, `llama-cli -m model.gguf --lora ${first.name}`];
  const type = own === undefined ? '' : `:${own}`;
  return [`llama-cli -hf ${repository}${type}`, `ollama run hf.co/${repository}${type}`];
}

/** How its weights are stored, as llama.cpp and Ollama name it; undefined for a name that does not say. */
function typeOf(name: string): string | undefined {
  return /-(f16|bf16|q8_0|q4_k_m)\.gguf$/i.exec(name)?.[1]?.toUpperCase();
}

function sizeText(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
