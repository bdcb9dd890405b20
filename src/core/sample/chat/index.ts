export { ChatTexts } from './chat-texts.js';
export { canShare, type ChosenModel, chosenModel, type ListedModel, type ModelChoice, modelChoices } from './choices.js';
export type { ChatMessage, EvaluationPrompt, ListedPrompt, Said, ShownToken, ShownTokens } from './messages.js';
export { Speaker, type SpeakerListener, type Spoken } from './speaker.js';
