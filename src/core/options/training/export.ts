import { option, type Options } from '../option.js';
import { choice } from '../rule.js';

/** What the trained model is written as. */
export const EXPORT_OPTIONS = {
  /** Rounded to the nearest, ties to even. */
  export_dtype: option({
    rule: choice(['auto', 'float32', 'bfloat16', 'float16']),
    default: 'auto',
    label: 'Export as',
    help: "number format of the exported weights; auto: that of the model's own",
    absent: { means: 'float32' },
  }),
} as const satisfies Options;
