export const restateBinary: string;
export function installRestate(): Promise<void>;
