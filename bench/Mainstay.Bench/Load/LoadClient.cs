using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;

namespace Mainstay.Bench.Load;

/// <summary>Callers with connections that are kept open: each request takes an idle one, or a new one.</summary>
/// <param name="port">Whom they ask, on the loopback.</param>
/// <param name="timeout">How long a caller waits for a whole answer.</param>
internal sealed class LoadClient(int port, TimeSpan timeout) : IDisposable
{
    private readonly ConcurrentStack<LoadConnection> _idle = new();

    /// <summary>Sends one request and reads its answer.</summary>
    /// <param name="isRight">Says of status 200 whether the body is what was asked for.</param>
    /// <returns>What went wrong; null if nothing.</returns>
    public async Task<string?> AskAsync(ReadOnlyMemory<byte> request, Func<ReadOnlyMemory<byte>, bool> isRight)
    {
        using var late = new CancellationTokenSource(timeout, TimeProvider.System);
        if (!_idle.TryPop(out var connection))
            connection = new LoadConnection();
        var isReusable = false;
        try
        {
            if (!connection.KeepsAlive)
                await connection.ConnectAsync(port, late.Token);
            await connection.SendAsync(request, late.Token);
            await connection.ReadAnswerAsync(late.Token);
            isReusable = connection.KeepsAlive;
            return connection.Status != 200 ? Describe(connection) : isRight(connection.Body) ? null : "a wrong answer";
        }
        catch (OperationCanceledException)
        {
            return "no answer in time";
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            return e.Message;
        }
        finally
        {
            if (isReusable)
                _idle.Push(connection);
            else
                connection.Dispose();
        }
    }

    /// <summary>Status and the start of what the gateway says; numbers left out, so that like counts as like.</summary>
    private static string Describe(LoadConnection connection)
    {
        var text = Encoding.UTF8.GetString(connection.Body.Span[..Math.Min(connection.Body.Length, 150)]).ReplaceLineEndings(" ");
        return $"status {connection.Status} {string.Concat(text.Where(c => !char.IsDigit(c)))}".TrimEnd();
    }

    public void Dispose()
    {
        while (_idle.TryPop(out var connection))
            connection.Dispose();
    }
}
