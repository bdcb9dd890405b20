import { Random } from '../plan/random.js';
import { percentile } from './paired-bootstrap.js';
import { unanimousInterval } from './unanimous.js';

/** A win rate as it would be, were both sides' texts of one length. */
export interface LengthControlled {
  /** 0 to 1 */
  readonly rate: number;
  /** The 95 % interval: percentiles of the bootstrap over prompts; of scores that are all 0 or all 1, see `unanimousInterval`. */
  readonly interval: readonly [low: number, high: number];
  /** What a longer text adds to the log-odds of a win, at most; 0 where all differences are alike. */
  readonly slope: number;
}

const RESAMPLES = 2000;
const MOST_DRAWS = 5_000_000;
const LEAST_RESAMPLES = 200;
const SEED = 20240404;
const MOST_STEPS = 100;

/**
 * The length-controlled win rate of AlpacaEval 2 (Dubois et al., arXiv 2404.04475, equation 2) for two sides alone. Scores are fitted by
 * logistic(θ + φ · tanh(difference / standard deviation of the differences)), and the rate is logistic(θ): the term of the length set to 0.
 * The difficulty of an instruction, which the paper learns from many models, is not there, and φ has a ridge penalty of φ²/2, with which
 * there is a fit also where length tells wins from losses. θ has no penalty.
 *
 * @param scores of each prompt, 0 to 1: the first side's part of a win
 * @param differences length of the first side's text less that of the second, in any unit
 * @throws RangeError when there are none, or not as many of each
 */
export function lengthControlled(scores: readonly number[], differences: readonly number[]): LengthControlled {
  const n = scores.length;
  if (n === 0 || differences.length !== n) throw new RangeError('there are no scores, or not as many differences');
  const all = fit(Float64Array.from(scores), Float64Array.from(differences));
  const unanimous = unanimousInterval(scores);
  if (unanimous !== undefined) return { ...all, interval: unanimous };
  const resamples = Math.max(LEAST_RESAMPLES, Math.min(RESAMPLES, Math.floor(MOST_DRAWS / n)));
  const rates = new Float64Array(resamples);
  const random = new Random(SEED);
  const [y, d] = [new Float64Array(n), new Float64Array(n)];
  for (let resample = 0; resample < resamples; resample++) {
    for (let i = 0; i < n; i++) {
      const drawn = random.below(n);
      y[i] = scores[drawn]!;
      d[i] = differences[drawn]!;
    }
    rates[resample] = fit(y, d).rate;
  }
  rates.sort();
  return { ...all, interval: [percentile(rates, 0.025), percentile(rates, 0.975)] };
}

/** Newton's method on two numbers; the function is convex, and strictly so but for scores that are all 0 or all 1. */
function fit(y: Float64Array, differences: Float64Array): Omit<LengthControlled, 'interval'> {
  const n = y.length;
  const mean = y.reduce((sum, value) => sum + value, 0) / n;
  // θ has no end there.
  if (mean <= 0 || mean >= 1) return { rate: Math.min(1, Math.max(0, mean)), slope: 0 };
  const spread = deviation(differences);
  const z = spread > 0 ? differences.map((difference) => Math.tanh(difference / spread)) : new Float64Array(n);
  let [theta, phi] = [Math.log(mean / (1 - mean)), 0];
  let loss = lossAt(y, z, theta, phi);
  for (let step = 0; step < MOST_STEPS; step++) {
    let [g0, g1, h00, h01, h11] = [0, phi, 0, 0, 1];
    for (let i = 0; i < n; i++) {
      const p = logistic(theta + phi * z[i]!);
      const weight = p * (1 - p);
      g0 += p - y[i]!;
      g1 += (p - y[i]!) * z[i]!;
      h00 += weight;
      h01 += weight * z[i]!;
      h11 += weight * z[i]! ** 2;
    }
    const determinant = h00 * h11 - h01 * h01;
    if (!(determinant > 0)) break;
    const [stepTheta, stepPhi] = [(h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant];
    if (Math.max(Math.abs(stepTheta), Math.abs(stepPhi)) < 1e-12) break;
    // Halved until it helps: far from the least a whole step can lead away.
    let size = 1;
    let next = lossAt(y, z, theta - stepTheta, phi - stepPhi);
    while (!(next <= loss) && size > 1e-8) {
      size /= 2;
      next = lossAt(y, z, theta - size * stepTheta, phi - size * stepPhi);
    }
    if (!(next <= loss)) break;
    theta -= size * stepTheta;
    phi -= size * stepPhi;
    loss = next;
  }
  return { rate: logistic(theta), slope: phi };
}

function lossAt(y: Float64Array, z: Float64Array, theta: number, phi: number): number {
  let loss = phi ** 2 / 2;
  for (let i = 0; i < y.length; i++) {
    const x = theta + phi * z[i]!;
    // log(1 + exp(x)) − y · x
    loss += Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))) - y[i]! * x;
  }
  return loss;
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** Of a sample, as pandas' `std`. */
function deviation(values: Float64Array): number {
  const n = values.length;
  if (n < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
}
