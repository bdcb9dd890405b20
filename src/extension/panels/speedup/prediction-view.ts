import { WishboneError } from '../../../core/errors.js';
import type { ForecastState } from '../../../core/forecast/index.js';
import { sentence } from '../../../format.js';
import type { PredictionView } from '../../../protocol/speedup.js';
import { progressText } from '../../plan-progress-text.js';

/** Formats a forecast for the panel, which shows only what sharing saves. */
export function predictionView(state: ForecastState): PredictionView {
  switch (state.kind) {
    case 'none':
      return { kind: 'none' };
    case 'working':
      return { kind: 'working', text: state.progress === undefined ? 'Planning' : progressText(state.progress) };
    case 'failed': {
      const { error } = state;
      if (error instanceof WishboneError) {
        return { kind: 'failed', what: sentence(error.what), where: error.where, advice: `${sentence(error.advice)}.` };
      }
      return { kind: 'failed', what: `Internal error in Wishbone: ${String(error)}`, where: '', advice: '' };
    }
    case 'done': {
      const { summary, speedup } = state.plan;
      const { planTokens, naiveTokens, flopsRatio } = summary;
      return { kind: 'done', prediction: { tokens: { shared: planTokens, naive: naiveTokens }, flopsRatio, ratio: speedup.packed } };
    }
  }
}
