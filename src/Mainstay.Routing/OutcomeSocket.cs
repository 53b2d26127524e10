using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;

namespace Mainstay.Routing;

/// <summary>
/// Carries observations from a data plane to a control plane in another process of the same machine: lines of JSON over
/// a Unix domain socket. The sender never holds traffic up: while nobody reads, or the reader hangs, the feed fills and
/// drops.
/// </summary>
public static class OutcomeSocket
{
    private const int FlushEvery = 4096;
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(20);

    /// <summary>Serves one reader at a time until cancelled.</summary>
    /// <param name="path">Path of the socket; a stale one of a process that ended is replaced.</param>
    /// <param name="observations">What to send.</param>
    /// <param name="clock">Times how long observations gather before they are sent.</param>
    /// <exception cref="IOException">The socket cannot be made there.</exception>
    public static async Task ServeAsync(string path, ChannelReader<Observation> observations, TimeProvider clock, CancellationToken cancel)
    {
        using var listener = Listen(path);
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                using var reader = await listener.AcceptAsync(cancel);
                // Where completions run inline this is a thread of the traffic's sockets, and writing lines may block.
                await Task.Yield();
                await SendAsync(reader, observations, clock, cancel);
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                // This reader is gone; the next one may come.
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>Reads from a data plane into a feed until cancelled, and comes back whenever the other side goes away.</summary>
    /// <param name="attached">Told true when connected, false when not.</param>
    public static async Task ReadAsync(string path, OutcomeFeed feed, TimeProvider clock, Action<bool> attached, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
                attached(true);
                using var lines = new StreamReader(new NetworkStream(socket));
                while (await lines.ReadLineAsync(cancel) is { } line)
                    if (JsonSerializer.Deserialize(line, ObservationJson.Default.Observation) is { } observation)
                        feed.Report(observation);
            }
            catch (Exception e) when (e is SocketException or IOException or JsonException)
            {
                // Not there, gone, or of another version: tried again below.
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                return;
            }
            attached(false);
            await Task.Delay(Again, clock, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    internal static Socket Listen(string path)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            File.Delete(path);
            listener.Bind(new UnixDomainSocketEndPoint(path));
            // What customers ask is nobody else's business on this machine.
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            listener.Listen(1);
            return listener;
        }
        catch (Exception e) when (e is SocketException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            listener.Dispose();
            throw new IOException($"The socket {path} cannot be made: {e.Message}", e);
        }
    }

    private static async Task SendAsync(Socket reader, ChannelReader<Observation> observations, TimeProvider clock, CancellationToken cancel)
    {
        await using var stream = new BufferedStream(new NetworkStream(reader), 64 * 1024);
        while (await observations.WaitToReadAsync(cancel))
        {
            for (var i = 0; i < FlushEvery && observations.TryRead(out var observation); i++)
            {
                JsonSerializer.Serialize(stream, observation, ObservationJson.Default.Observation);
                stream.WriteByte((byte)'\n');
            }
            await stream.FlushAsync(cancel).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            // Not woken for each observation: what comes meanwhile goes in one piece.
            await Task.Delay(Gather, clock, cancel);
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Observation))]
internal sealed partial class ObservationJson : JsonSerializerContext;
