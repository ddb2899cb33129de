export function startBalancer(ports: () => number[]): Promise<{ port: number; end(): void }>;
