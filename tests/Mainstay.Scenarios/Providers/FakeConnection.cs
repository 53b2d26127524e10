using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Mainstay.Scenarios;

/// <summary>One connection of the gateway to a fake provider: requests one after another, each watched for the gateway leaving.</summary>
internal sealed class FakeConnection(Socket socket, FakeProvider provider)
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly List<byte> _bytes = [];

    public void Reset()
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
            socket.Close();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed already.
        }
    }

    public async Task ServeAsync(CancellationToken stop)
    {
        using var _ = socket;
        socket.NoDelay = true;
        try
        {
            while (await ReadAsync(stop) is { } request && await AnswerAsync(request, stop))
            {
                // The next one.
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The other side left, or the test is over.
        }
    }

    /// <summary>Writes the answer while waiting for the gateway to leave; true if another request may follow.</summary>
    private async Task<bool> AnswerAsync(ProviderRequest request, CancellationToken stop)
    {
        var fault = provider.Enter(request);
        using var left = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var watching = MoreAsync(left.Token);
        var answering = new FakeAnswer(socket, provider, request, fault).WriteAsync(left.Token);
        try
        {
            // Bytes that come early are the next request; only the end of the connection is the gateway leaving.
            if (await Task.WhenAny(watching, answering) == watching && !await watching && !answering.IsCompleted)
            {
                request.Abandon();
                await left.CancelAsync();
            }
            var keep = await answering;
            request.IsServed = true;
            if (fault.Kind == FaultKind.StaleAfter)
            {
                await watching;
                Reset();
                return false;
            }
            return keep && await watching;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            if (!stop.IsCancellationRequested && !request.IsServed && !fault.EndsByItself)
                request.Abandon();
            throw;
        }
        finally
        {
            await left.CancelAsync();
        }
    }

    private async Task<ProviderRequest?> ReadAsync(CancellationToken stop)
    {
        int end;
        while ((end = EndOfHead()) < 0)
            if (!await MoreAsync(stop))
                return null;
        var lines = Encoding.Latin1.GetString([.. _bytes[..end]]).Split("\r\n");
        _bytes.RemoveRange(0, end + 4);
        var first = lines[0].Split(' ');
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines.Skip(1))
            headers[line[..line.IndexOf(':', StringComparison.Ordinal)]] = line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        var body = headers.ContainsKey("Transfer-Encoding")
            ? await ChunksAsync(stop)
            : await TakeAsync(int.Parse(headers.GetValueOrDefault("Content-Length", "0"), CultureInfo.InvariantCulture), stop);
        return new ProviderRequest { Method = first[0], Target = first[1], Headers = headers, Body = body };
    }

    private int EndOfHead()
    {
        for (var i = 0; i + 3 < _bytes.Count; i++)
            if (_bytes[i] == '\r' && _bytes[i + 1] == '\n' && _bytes[i + 2] == '\r' && _bytes[i + 3] == '\n')
                return i;
        return -1;
    }

    private async Task<byte[]> ChunksAsync(CancellationToken stop)
    {
        var body = new List<byte>();
        while (true)
        {
            int end;
            while ((end = _bytes.IndexOf((byte)'\n')) < 0)
                if (!await MoreAsync(stop))
                    throw new SocketException((int)SocketError.ConnectionReset);
            var size = int.Parse(Encoding.ASCII.GetString([.. _bytes[..end]]).Split(';')[0].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            _bytes.RemoveRange(0, end + 1);
            body.AddRange(await TakeAsync(size, stop));
            await TakeAsync(2, stop);
            if (size == 0)
                return [.. body];
        }
    }

    private async Task<byte[]> TakeAsync(int count, CancellationToken stop)
    {
        while (_bytes.Count < count)
            if (!await MoreAsync(stop))
                throw new SocketException((int)SocketError.ConnectionReset);
        byte[] taken = [.. _bytes[..count]];
        _bytes.RemoveRange(0, count);
        return taken;
    }

    /// <summary>False once the other side has closed.</summary>
    private async Task<bool> MoreAsync(CancellationToken cancel)
    {
        try
        {
            var read = await socket.ReceiveAsync(_buffer, cancel);
            _bytes.AddRange(_buffer.AsSpan(0, read));
            return read > 0;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException || (e is OperationCanceledException && cancel.IsCancellationRequested))
        {
            return false;
        }
    }
}
