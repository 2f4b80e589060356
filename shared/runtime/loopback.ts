const LOOPBACK = /^(127(\.\d{1,3}){3}|\[?::1\]?|localhost|[a-z0-9-]+\.localhost)$/;

/** Whether an address that a server listens on, or the host of a URL, is this machine's own. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host);
