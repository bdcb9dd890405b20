/** Files of what renders chat templates, by the names they have in the packaged extension. */
export function templateEngine(): Promise<Readonly<Record<string, string>>>;
