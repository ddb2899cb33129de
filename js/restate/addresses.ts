/** Whether a host can only be this machine's own. */
export function isLoopback(host: string): boolean {
  const name = bare(host);
  return (
    name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)
  );
}

/**
 * Whether a host is out of the public's reach by its name or number: loopback, a private network, a name without a dot
 * as containers have it, or one that ends as only private ones do.
 */
export function isPrivate(host: string): boolean {
  const name = bare(host);
  if (isLoopback(name)) return true;
  if (/^[\d.]+$/.test(name)) {
    const [a = 0, b = 0] = name.split('.').map(Number);
    return (
      a === 10 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168) || (a === 169 && b === 254)
    );
  }
  if (name.includes(':')) return /^f[cd]|^fe[89ab]/.test(name);
  return !name.includes('.') || /\.(internal|local|lan|home\.arpa|svc|cluster\.local)$/.test(name);
}

function bare(host: string): string {
  return host.toLowerCase().replace(/^\[|\]$|\.$/g, '');
}
