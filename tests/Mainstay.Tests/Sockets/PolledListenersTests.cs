using System.Net;
using System.Net.Sockets;
using Mainstay.Routing.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Mainstay.Tests.Sockets;

/// <summary>The transport by itself; tests of the front and the gateway run on it, too.</summary>
public sealed class PolledListenersTests
{
    [Fact]
    public async Task What_is_written_arrives_whole_at_a_caller_that_reads_late()
    {
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await using var connection = await AcceptAsync(caller);
        var sent = new byte[8 * 1024 * 1024];
        new Random(7).NextBytes(sent);

        var writing = WriteAsync();
        Assert.False(writing.IsCompleted, "the buffers of the system hold less");
        var received = new byte[sent.Length];
        for (var at = 0; at < received.Length;)
            at += await caller.ReceiveAsync(received.AsMemory(at), SocketFlags.None).AsTask().Patiently();
        await writing.Patiently();

        Assert.True(received.AsSpan().SequenceEqual(sent));

        async Task WriteAsync()
        {
            var random = new Random(8);
            for (var at = 0; at < sent.Length;)
            {
                var part = Math.Min(random.Next(1, 100_000), sent.Length - at);
                Assert.False((await connection.Transport.Output.WriteAsync(sent.AsMemory(at, part))).IsCompleted);
                at += part;
            }
        }
    }

    [Fact]
    public async Task A_caller_that_leaves_is_noticed_before_what_it_sent_is_read()
    {
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await using var connection = await AcceptAsync(caller);
        var left = new TaskCompletionSource();
        await using var registration = connection.ConnectionClosed.Register(left.SetResult);

        await caller.SendAsync("GET"u8.ToArray());
        caller.Close();

        await left.Task.Patiently();
        var input = connection.Transport.Input;
        var read = await input.ReadAsync().AsTask().Patiently();
        Assert.Equal(3, read.Buffer.Length);
        input.AdvanceTo(read.Buffer.End);
        read = await input.ReadAsync().AsTask().Patiently();
        Assert.True(read.IsCompleted);
        Assert.True(read.Buffer.IsEmpty);
    }

    [Fact]
    public async Task What_is_kept_unread_comes_again_with_what_follows()
    {
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await using var connection = await AcceptAsync(caller);
        var input = connection.Transport.Input;
        var sent = new byte[50_000];
        new Random(9).NextBytes(sent);

        await caller.SendAsync(sent.AsMemory(0, 1)).AsTask().Patiently();
        var read = await input.ReadAsync().AsTask().Patiently();
        var sending = caller.SendAsync(sent.AsMemory(1)).AsTask();
        while (read.Buffer.Length < sent.Length)
        {
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            read = await input.ReadAsync().AsTask().Patiently();
        }
        await sending.Patiently();

        Assert.True(read.Buffer.FirstSpan.SequenceEqual(sent));
        input.AdvanceTo(read.Buffer.GetPosition(49_999));
        read = await input.ReadAsync().AsTask().Patiently();
        Assert.Equal(1, read.Buffer.Length);
        input.AdvanceTo(read.Buffer.End);
    }

    [Fact]
    public async Task A_pending_read_can_be_cancelled_and_an_abort_resets()
    {
        using var caller = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await using var connection = await AcceptAsync(caller);
        var input = connection.Transport.Input;

        var reading = input.ReadAsync().AsTask();
        Assert.False(reading.IsCompleted);
        input.CancelPendingRead();
        var cancelled = await reading.Patiently();
        Assert.True(cancelled.IsCanceled);
        input.AdvanceTo(cancelled.Buffer.Start);

        reading = input.ReadAsync().AsTask();
        connection.Abort(new ConnectionAbortedException("Enough."));
        Assert.Equal("Enough.", (await Assert.ThrowsAsync<ConnectionAbortedException>(() => reading.Patiently())).Message);
        var seen = await Assert.ThrowsAsync<SocketException>(() => caller.ReceiveAsync(new byte[1], SocketFlags.None).Patiently());
        Assert.Equal(SocketError.ConnectionReset, seen.SocketErrorCode);
    }

    private static async Task<ConnectionContext> AcceptAsync(Socket caller)
    {
        await using var listener = await new PolledListeners().BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        await caller.ConnectAsync(listener.EndPoint).Patiently();
        return (await listener.AcceptAsync().AsTask().Patiently())!;
    }
}
