import { z } from 'zod';

/**
 * Unix epoch, milliseconds, up to the end of the year 9999: RFC 3339 has no word for what comes after,
 * and every such time becomes the `time` of an event or stands in a status.
 */
export const epochMs = z.int().min(0).max(253_402_300_799_999);
