using System.Runtime.InteropServices;
using System.Text.Json;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Routing.Models;

/// <summary>
/// How a prompt begins, as a hash: of the tools, the system's words and the messages up to the first of the user, or the beginning of the prompt; the
/// first KiB of them, white space between their tokens left out. The next question of a conversation begins as the one before.
/// </summary>
internal static class PromptPrefix
{
    private const int MostBytes = 1024;

    /// <returns>0: the request has no prompt that can be read.</returns>
    public static ulong Of(ModelRequest asked)
    {
        if (asked.Json.ValueKind != JsonValueKind.Object)
            return 0;
        var (hash, left) = (Affinity.Empty, MostBytes);
        foreach (var name in (ReadOnlySpan<string>)["tools", "system", "instructions", "messages", "prompt", "input"])
        {
            if (!asked.Json.TryGetProperty(name, out var part))
                continue;
            if (name is not ("messages" or "input") || part.ValueKind != JsonValueKind.Array)
            {
                Add(ref hash, ref left, part);
                continue;
            }
            foreach (var message in part.EnumerateArray())
            {
                Add(ref hash, ref left, message);
                if (left == 0 || message.ValueKind != JsonValueKind.Object || (message.TryGetProperty("role", out var role) && role.ValueEquals("user")))
                    break;
            }
        }
        return left == MostBytes ? 0 : hash;
    }

    private static void Add(ref ulong hash, ref int left, JsonElement part)
    {
        var (isText, isEscaped) = (false, false);
        foreach (ref readonly var b in JsonMarshal.GetRawUtf8Value(part))
        {
            if (left == 0)
                return;
            if (!isText && (b is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n'))
                continue;
            if (b == '"' && !isEscaped)
                isText = !isText;
            isEscaped = b == '\\' && !isEscaped;
            hash = Affinity.Add(hash, new ReadOnlySpan<byte>(in b));
            left--;
        }
    }
}
