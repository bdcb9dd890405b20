export function copyExample(folder: string): Promise<void>;
