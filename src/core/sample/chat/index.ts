export { ChatTexts } from './chat-texts.js';
export { type ChosenModel, chosenModel, isBelow, type ListedModel, type ModelChoice, modelChoices } from './choices.js';
export type { ChatMessage, EvaluationPrompt, ListedPrompt, Said, ShownToken, ShownTokens } from './messages.js';
export { Speaker, type SpeakerListener, type Spoken } from './speaker.js';
