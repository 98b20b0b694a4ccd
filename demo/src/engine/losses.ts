/** The losses to choose from. Imports gabor and config. */
import { crossEntropy, type Loss, ops } from '../../../src/index.ts';
import type { Config } from './config.ts';

/** Mean squared error of softmax probabilities against the label's one-hot vector: what one might think of first. */
const classMse = (): Loss => {
  const classes = crossEntropy();
  return {
    ...classes,
    name: 'mse of softmax',
    config: {},
    apply(output, labels) {
      const probabilities = ops.softmax(output, { axis: 1 });
      const { correct } = classes.apply(output, labels);
      return { loss: ops.mseLoss(probabilities, ops.oneHot(labels, output.shape[1]!)), correct };
    },
    applyProbs: undefined,
  };
};

export const lossOf = ({ loss }: Pick<Config, 'loss'>): Loss => (loss === 'mse' ? classMse() : crossEntropy());
