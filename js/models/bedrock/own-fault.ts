import { TaskExecutionError } from '../../errors.js';
import { describeThrown } from '../../values.js';

/** Names of what the SDK throws for the service, for credentials and for connections. */
const ofTheService = /Exception$|ProviderError$|^(Timeout|Abort|Networking)Error$/;
const ofTheProgram = /^(?:(?:Type|Reference|Syntax|Range|Zod|Vali|Assertion)Error|AI_Load\w+Error)$/;
/** `fetch` tells of a lost connection by a TypeError. */
const ofTheNetwork = /fetch|network|load failed|terminated|socket|connection/i;
const ofTheEnvironment =
  /environment variable|\benv var|\bprocess\.env\b|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b.*\b(not set|unset|missing|required|undefined|not defined|empty|must be)\b|\b([Mm]issing|[Nn]o|[Ss]et)\b.*\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b/;

/**
 * What the app's own code threw before the model said anything. A fault of the program or of its configuration is there
 * at the next attempt too: it becomes HOST_CALLBACK, which is not tried again. Anything else stays as it is.
 */
export function asOwnFault(from: 'createBedrockClient' | 'streamChatResponse', thrown: unknown): unknown {
  if (TaskExecutionError.is(thrown)) return thrown;
  const { name, message, status } = describeThrown(thrown);
  if (status !== undefined || ofTheService.test(name) || fromElsewhere(thrown)) return thrown;
  const own =
    from === 'createBedrockClient' ||
    (ofTheProgram.test(name) && !ofTheNetwork.test(message)) ||
    (name === 'Error' && ofTheEnvironment.test(message));
  if (!own) return thrown;
  const said = name === 'Error' ? message : `${name}: ${message}`;
  return new TaskExecutionError('HOST_CALLBACK', `${from} failed: ${said}`, { cause: thrown });
}

/** It has a cause, or the code of the system: what happened did not happen in the app. */
function fromElsewhere(thrown: unknown): boolean {
  try {
    const { cause, code } = Object(thrown) as { cause?: unknown; code?: unknown };
    return cause !== undefined || /^E[A-Z]{3,}/.test(String(code));
  } catch {
    return false;
  }
}
