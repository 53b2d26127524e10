using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Mainstay.Routing;

/// <summary>
/// Answers from a data plane's own process why a request went where it went: a line with the request's id comes over a
/// Unix domain socket, a line of JSON goes back. For a control plane, or a person's command, on the same machine.
/// </summary>
public static class DecisionSocket
{
    /// <summary>Name of the socket in the state folder.</summary>
    public const string Name = "explain.sock";

    private const int LongestId = 256;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Answers one question at a time until cancelled.</summary>
    /// <param name="path">Path of the socket; a stale one of a process that ended is replaced.</param>
    /// <param name="decisions">Where answers come from.</param>
    /// <param name="clock">Bounds how long one who asks may take.</param>
    /// <exception cref="IOException">The socket cannot be made there.</exception>
    public static async Task ServeAsync(string path, DecisionRing decisions, TimeProvider clock, CancellationToken cancel)
    {
        using var listener = OutcomeSocket.Listen(path);
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                using var asker = await listener.AcceptAsync(cancel);
                using var late = new CancellationTokenSource(Patience, clock);
                using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
                await using var stream = new NetworkStream(asker);
                var id = await ReadIdAsync(stream, both.Token);
                var decision = decisions.Find(id, out var why);
                await JsonSerializer.SerializeAsync(stream, new DecisionAnswer(decision, why), DecisionJson.Default.DecisionAnswer, both.Token);
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                // This one is gone; the next one may come.
            }
            catch (OperationCanceledException)
            {
                // Too slow, or the program ends.
            }
        }
    }

    /// <summary>Asks the data plane behind a socket. Null: none answers there.</summary>
    public static async Task<DecisionAnswer?> AskAsync(string path, string requestId, TimeProvider clock, CancellationToken cancel)
    {
        using var late = new CancellationTokenSource(Patience, clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), both.Token);
            await using var stream = new NetworkStream(socket);
            var line = requestId.Length > LongestId ? requestId[..LongestId] : requestId;
            await stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(line.ReplaceLineEndings("") + "\n"), both.Token);
            return await JsonSerializer.DeserializeAsync(stream, DecisionJson.Default.DecisionAnswer, both.Token);
        }
        catch (Exception e) when (e is SocketException or IOException or JsonException or ArgumentOutOfRangeException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return null;
        }
    }

    private static async Task<string> ReadIdAsync(NetworkStream stream, CancellationToken cancel)
    {
        var bytes = new byte[LongestId * 4];
        var length = 0;
        while (length < bytes.Length && await stream.ReadAsync(bytes.AsMemory(length), cancel) is > 0 and var read)
        {
            var end = bytes.AsSpan(length, read).IndexOf((byte)'\n');
            if (end >= 0)
                return System.Text.Encoding.UTF8.GetString(bytes, 0, length + end);
            length += read;
        }
        return System.Text.Encoding.UTF8.GetString(bytes, 0, length);
    }
}

/// <summary>What the record says of a request.</summary>
/// <param name="Decision">Null: it is not in the record.</param>
/// <param name="Why">Then: why not, and how far back the record reaches; else empty.</param>
public sealed record DecisionAnswer(Decision? Decision, string Why);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(DecisionAnswer))]
internal sealed partial class DecisionJson : JsonSerializerContext;
